package queue

import (
	"fmt"
	"strconv"

	"github.com/avanak/avanak"
)

// Every key of the queue, p being the partition 00..63 of the campaign's or message's id (avanak.PartitionOf):
//
//	avk:{p07}:all               zset    campaign id by creation, ms
//	avk:{p07}:dir               set     campaigns with work: started, and neither done nor cancelled and at rest
//	avk:{p07}:ev                stream  events of the partition
//	avk:{p07}:c:<id>            hash    v tenant spec fp run n cursor fence attempts answered rejected started finished
//	                                    open_from open_until max_charged max_recorded on_uncertain redial_wait load loaded s0..s13
//	avk:{p07}:c:<id>:n:<seg>    string  SegmentSize × 8 bytes, the numbers, big endian
//	avk:{p07}:c:<id>:st:<seg>   string  SegmentSize × 1 byte, low nibble state, high nibble recorded attempts
//	avk:{p07}:c:<id>:r:<seg>    string  SegmentSize × 16 bytes, the last result (record.go draws it)
//	avk:{p07}:c:<id>:rdy        list    ordinals that were given back or are due again
//	avk:{p07}:c:<id>:rb:<s>     list    ordinals whose retry is due at that second
//	avk:{p07}:c:<id>:rbz        zset    the seconds that have a bucket
//	avk:{p07}:c:<id>:lz         zset    in flight: deadline in ms by ordinal
//	avk:{p07}:c:<id>:lt         hash    in flight: token:stage:attempt:node[:leg] by ordinal
//	avk:{p07}:m:<id>            hash    a fast message: v tenant spec fp state attempts uncharged token stage node due
//	                                    expire open_from open_until max_charged max_recorded on_uncertain redial_wait result
//	                                    tl ended leg (attempt:leg, from the second leg on)
//	avk:{p07}:f:q               zset    fast messages that wait, by due time in ms
//	avk:{p07}:f:lz              zset    fast messages in flight, by deadline in ms
//	avk:wake                    channel partition number; says that a fast message was accepted or a campaign started
//
// A recipient that was never touched has no entry but its 25 bytes in n, st and r. SegmentSize is a little under a power
// of two so that each string, with Redis' header, fits an allocation of its own size and not of the next one.

// SegmentSize is how many recipients share a segment.
const SegmentSize = 16000

const wakeChannel = "avk:wake"

func partitionKey(p int) string { return fmt.Sprintf("avk:{p%02d}:", p) }

// campaignKeys names the keys of one campaign.
type campaignKeys struct{ part, hash string }

func keysOf(id string) campaignKeys {
	part := partitionKey(avanak.PartitionOf(id))
	return campaignKeys{part: part, hash: part + "c:" + id}
}

func (k campaignKeys) all() string            { return k.part + "all" }
func (k campaignKeys) dir() string            { return k.part + "dir" }
func (k campaignKeys) events() string         { return k.part + "ev" }
func (k campaignKeys) numbers(seg int) string { return k.hash + ":n:" + strconv.Itoa(seg) }
func (k campaignKeys) states(seg int) string  { return k.hash + ":st:" + strconv.Itoa(seg) }
func (k campaignKeys) results(seg int) string { return k.hash + ":r:" + strconv.Itoa(seg) }
func (k campaignKeys) ready() string          { return k.hash + ":rdy" }
func (k campaignKeys) bucket(second int64) string {
	return k.hash + ":rb:" + strconv.FormatInt(second, 10)
}
func (k campaignKeys) buckets() string   { return k.hash + ":rbz" }
func (k campaignKeys) deadlines() string { return k.hash + ":lz" }
func (k campaignKeys) leases() string    { return k.hash + ":lt" }

// shardKeys names the keys of one partition's shard of the fast lane.
type shardKeys struct{ part string }

func shardOf(partition int) shardKeys { return shardKeys{part: partitionKey(partition)} }

func (k shardKeys) queue() string            { return k.part + "f:q" }
func (k shardKeys) deadlines() string        { return k.part + "f:lz" }
func (k shardKeys) events() string           { return k.part + "ev" }
func (k shardKeys) messages() string         { return k.part + "m:" }
func (k shardKeys) message(id string) string { return k.part + "m:" + id }
