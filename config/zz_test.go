package config
import ("testing";"fmt";"os";"path/filepath")
func TestZZ(t *testing.T){
 for _, s := range []string{"","# only\n","---\n","env: development\n---\nenv: bogus\n","evn: x\n","redis: redis://u:s3cret@h\n","redis:\n  url: [redis://u:s3cret@h]\n","redis:\n  url: {a: s3cret}\n","redis:\n  url: redis://u:s3cret@h:notaport/0\n","dispatcher:\n  drain: 60\n","dispatcher:\n  drain: soon\n","sandbox:\n  cps: .nan\n","sandbox:\n  cps: fast\n","sandbox: {cps: 1}\nsandbox: {cps: 2}\n","trunks:\n  - name: a\n    rtp: {min: 70000}\n","http:\n\tlisten: x\n","log: [\n","log:\n  level: loud\n","x: &a [*a]\n","env: !!binary x\n","\x00\xff","- a\n","just text\n","trunks: 5\n","redis:\n  url: s3cret: x\n","node: 12\n","redis:\n  ulr: s3cret\n","redis:\n  require_durable: s3cret\n","trunks:\n  - name: a\n    cps: 1\n    channels: 2.5\n","sandbox: null\n","http:\n", "env: production\n","<<: 1\n","sandbox:\n  cps: -1\n", "sandbox:\n  channels: 0\n","sandbox:\n  chanels: 0\n"} {
  p := filepath.Join(t.TempDir(),"a.yaml"); os.WriteFile(p,[]byte(s),0o600)
  c,err := Load(p)
  d := c.Dispatcher.Drain
  if err!=nil { fmt.Printf("%-60q => %q\n",s, err.Error()[len(filepath.Dir(p)):]) } else { fmt.Printf("%-60q => OK %v %v %v\n",s,d,c.Node,c.Sandbox) }
 }
}
