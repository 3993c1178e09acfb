// Command queuebench measures package queue on a private redis-server: what a recipient costs in memory, and how many a
// second can be claimed, dialled and settled when each step is on disk before it is answered.
//
//	go run ./queue/queuebench -n 100000 -out bench-out/queue.json
//
// It goes through the queue's own API, prints a table with goals, writes the same figures as JSON, and ends with status 1
// where a figure misses its goal. Memory is Redis' used_memory, read when it has settled; rates are wall time. Each figure
// is the median of three runs (a run over a minute is taken once). The anchor of the memory figure is the shape that general job queues use, a hash per task
// with its message beside a list of ids, measured in the same run on the same server.
package main
