// `rackboot doctor` on the host of a whole rack: it reports no false fault, and names each fault that the test makes.
// @host rests
// @long more

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { makeStandInTree } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { type Ended, eventually, runRackboot } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'dnsmasq');
const RACK = '10.77.4.1';
const OUTSIDE = '192.0.2.53';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.4.0/24
    ip_range_low: 10.77.4.100
    ip_range_high: 10.77.4.199
dns: { upstream: [${OUTSIDE}] }
`;
const WITHOUT_DNS = CONFIG.replace(/^dns:.*$/m, '');
const INITRD = 'amd64/generic/bookworm/commissioning/initrd.gz';
/** How often the doctor asks while another server answers late. */
const TURNS_MAX = 3;
const DNSMASQ = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--log-facility=-'];

const findingsShape = z.object({
  healthy: z.boolean(),
  findings: z.array(z.object({ check: z.string(), ok: z.boolean(), text: z.string() })),
});

/** Lines marked BAD. */
const faults = ({ out }: Ended): string[] => out.split('\n').filter((line) => line.startsWith('BAD'));

describe('the doctor on the host of a running rack', { skip }, () => {
  let rack: RackNetwork;
  let outside: Running;

  before(async () => {
    rack = new RackNetwork('doctor', RACK);
    // A host is on the cable all the time, so that the bridge has a link.
    rack.namespace.addHost('host', '52:54:00:77:06:01');
    makeStandInTree(rack.tree);
    writeFileSync(join(rack.tree, 'bootx64.efi'), 'bootx64.efi'.repeat(10_000));
    await rack.run(undefined, 'ip', 'address', 'add', `${OUTSIDE}/32`, 'dev', 'lo');
    const words = ['--no-resolv', '--no-hosts', '--bind-interfaces', `--listen-address=${OUTSIDE}`];
    outside = rack.launch(undefined, ...DNSMASQ, ...words, '--address=/debian.org/198.51.100.7');
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  test('finds no fault in a rack that serves one architecture, for a user and for a script', async () => {
    const reported = await rack.rackboot('doctor');
    assert.deepEqual(faults(reported), [], reported.err);
    assert.equal(reported.code, 0);
    for (const line of [
      /^ok {3}dhcp lab: BIOS: is offered 10\.77\.4\.1\d\d, to load lpxelinux\.0 from 10\.77\.4\.1$/m,
      /^ok {3}dhcp lab: UEFI amd64: is offered \S+, to load bootx64\.efi /m,
      /^ok {3}dhcp lab: UEFI amd64 by HTTP: is offered \S+, to load http:\/\/10\.77\.4\.1\/bootx64\.efi /m,
      /^ok {3}region from lab: answers at /m,
      /^ok {3}tftp lpxelinux\.0: 44000 bytes, as in the tree/m,
      /^ok {3}http http:\S+bootx64\.efi: 110000 bytes, as in the tree/m,
      /^note dhcp lab: UEFI arm64: is offered \S+, to load bootaa64\.efi, which is not there, and no image for arm64 either: .* until `sudo (?:node \S+)?rackboot(?:\.js)? images build --arch arm64 --config \S+`/m,
      /^ok {3}dns rack\.maas: is 10\.77\.4\.1$/m,
      /^ok {3}dns debian\.org: is 198\.51\.100\.7$/m,
      /^All is well\.$/m,
    ])
      assert.match(reported.out, line);
    assert.doesNotMatch(reported.out, /^ok .*bootaa64/m, 'nothing is ok with a loader that is not there');
    assert.doesNotMatch(reported.out, /^ok .*(?:cannot|may be lost|do not boot)/m, 'no line marked ok reports a fault');
    const json = await rack.well('doctor', '--json');
    const { healthy, findings } = findingsShape.parse(JSON.parse(json));
    assert.equal(healthy, true);
    assert.equal(findings.length, reported.out.split('\n').filter((line) => /^(?:ok {2}|note) /.test(line)).length);
    const listed = await rack.rackboot('leases', 'list', '--json');
    assert.deepEqual(JSON.parse(listed.out), [], 'asking took no address');
  });

  if (HAS_MANY_ROUNDS)
    test('finds the same from outside the namespace of the rack, and says where the rack is', async () => {
      const reported = await runRackboot(['doctor', '--config', rack.configFile], { endMsMax: 60_000 });
      const lines = reported.output.join('\n');
      assert.doesNotMatch(lines, /^BAD/m);
      const { name } = rack.namespace;
      assert.match(
        lines,
        new RegExp(
          `^note network: this rack runs in a network namespace of its own \\(${name}\\): every check below was made there`,
          'm',
        ),
      );
      assert.match(lines, /^ok {3}dhcp lab: BIOS: is offered 10\.77\.4\.1\d\d/m);
      assert.match(lines, /^ok {3}dns rack\.maas: is 10\.77\.4\.1$/m);
      assert.equal(reported.code, 0);
    });

  test('leaves no trace: its questions are in no trace, no event of the region and no list of machines', async () => {
    const asked = /02:72:61:63:6b|127\.114\.107\.98|loaded lpxelinux\.0|ipxe\.efi by HTTP/;
    for (const words of [
      ['trace', '02:72:61:63:6b:00'],
      ['trace'],
      ['machines', 'list'],
      ['events', '--level', 'debug', '--limit', '1000'],
    ]) {
      const { out } = await rack.rackboot(...words);
      assert.doesNotMatch(out, asked, words.join(' '));
    }
    const { out } = await rack.rackboot('status');
    assert.match(out, /^lab 10\.77\.4\.0\/24 +br0 +served +0 of 100$/m, 'no address counts as in use');
    assert.ok(
      !rack.lines.some(
        ({ mac, event, level }) =>
          (mac !== undefined && asked.test(String(mac)) && event === 'dhcp.offer') ||
          (/^(?:tftp\.sent|http\.file-sent)$/.test(event) && level > 20),
      ),
      'nor in the log at INFO',
    );
  });

  test('names a missing loader, a missing image and a dead upstream', async () => {
    const aside = (name: string): (() => void) => {
      const kept = join(rack.directory, basename(name));
      renameSync(join(rack.tree, name), kept);
      return () => renameSync(kept, join(rack.tree, name));
    };
    const putBack = [aside('bootx64.efi'), aside(INITRD)];
    await outside.end();
    const reported = await rack.rackboot('doctor', '--outside-name', 'other.example');
    for (const again of putBack) again();
    await rack.apply(WITHOUT_DNS);
    assert.equal(reported.code, 1);
    const [images = '', upstream = '', ...more] = faults(reported);
    assert.match(
      images,
      /^BAD {2}images: .*amd64\/generic\/bookworm\/commissioning.*`sudo (?:node \S+)?rackboot(?:\.js)? images build --config \S+`$/,
    );
    assert.match(
      reported.out,
      /^note images: is also why there is no line of tftp bootx64\.efi, http http:\S+bootx64\.efi$/m,
    );
    assert.match(upstream, /^BAD {2}dns other\.example: .*dns\.upstream answer \(192\.0\.2\.53\)\?$/);
    assert.deepEqual(more, []);
  });

  if (HAS_MANY_ROUNDS)
    test('names a listener of the region at an address that the host does not have; status and check name it, too', async () => {
      await rack.apply(`${WITHOUT_DNS}region: { listen: ["${RACK}:5240", "203.0.113.9:5240"] }\n`);
      const why = /203\.0\.113\.9:5240 is not an address of this host yet; .*or change region\.listen$/;
      await eventually('status says it', async () => {
        const { out, code } = await rack.rackboot('status');
        return code === 1 && out.split('\n').some((line) => line.startsWith('BAD') && why.test(line));
      });
      const reported = await rack.rackboot('doctor');
      assert.match(
        faults(reported).join('\n'),
        /^BAD {2}port 5240: 203\.0\.113\.9:5240, which region\.listen names, is not an address of this host[^\n]*$/,
      );
      assert.match(reported.out, /^note port 5240: is also why there is no line of region listener$/m);
      const checked = await rack.rackboot('check');
      assert.match(
        checked.out,
        /^Beware {2}203\.0\.113\.9:5240, which region\.listen names, is not an address of this host/m,
      );
      assert.doesNotMatch(checked.out, /belongs to/, 'the ports of the running rack are its own');
      await rack.apply(WITHOUT_DNS);
    });

  test('names other DHCP servers of the network, both faster and slower than the rack', async () => {
    const strangers = [
      ['10.77.4.66', '--no-ping'],
      // dnsmasq pings an address for three seconds before it offers it.
      ['10.77.4.67'],
    ] as const;
    const hosts = strangers.map((_, index) => rack.namespace.addHost(`stranger${index}`, `52:54:00:77:06:6${index}`));
    for (const [index, [address]] of strangers.entries())
      await rack.run(hosts[index], 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    /** The doctor, with servers that have just started: they have pinged no address yet. */
    const askAlongside = async (turn: number): Promise<Ended> => {
      const running: Running[] = [];
      for (const [index, [, ...words]] of strangers.entries()) {
        const leases = join(rack.directory, `stranger${index}-${turn}.leases`);
        const range = ['--port=0', '--dhcp-range=10.77.4.200,10.77.4.220,60s', `--dhcp-leasefile=${leases}`];
        const dnsmasq = rack.launch(hosts[index], ...DNSMASQ, ...range, '--dhcp-authoritative', ...words);
        await eventually(`dnsmasq serves: ${dnsmasq.text()}`, () => dnsmasq.text().includes('IP range'));
        running.push(dnsmasq);
      }
      const reported = await rack.rackboot('doctor');
      for (const dnsmasq of running) await dnsmasq.end();
      return reported;
    };
    const named = (reported: Ended): readonly (string | undefined)[] =>
      faults(reported)
        .map((line) => /^BAD {2}dhcp lab: was also answered by (\S+), .*another DHCP server/.exec(line)?.[1])
        .sort();
    let reported = await askAlongside(0);
    // The doctor listens for a second longer than the slower one pings, which a busy host may spend before the ping.
    for (let turn = 1; turn < TURNS_MAX && named(reported).length < strangers.length; turn += 1)
      reported = await askAlongside(turn);
    assert.equal(reported.code, 1);
    assert.deepEqual(
      named(reported),
      strangers.map(([address]) => address),
      reported.out,
    );
    assert.match(reported.out, /^ok {3}dhcp lab: BIOS: is offered/m, 'this rack is judged by its own answer');
  });

  if (HAS_MANY_ROUNDS)
    test('names a rack that hangs once, whatever is silent because of it', async () => {
      const { pid } = z.object({ pid: z.number() }).parse(JSON.parse(await rack.well('status', '--json')));
      process.kill(pid, 'SIGSTOP');
      const reported = await rack.rackboot('doctor').finally(() => process.kill(pid, 'SIGCONT'));
      assert.equal(reported.code, 1);
      const [hung = '', ...more] = faults(reported);
      assert.match(hung, /^BAD {2}rackboot: runs, but does not answer commands/);
      assert.deepEqual(more, []);
      assert.match(
        reported.out,
        /^note rackboot: is also why there is no line of dhcp lab, region from lab, dns rack\.maas$/m,
      );
    });

  test('reports DHCP that is not served because the address is missing, and a rack that does not run', async () => {
    const from = rack.lines.length;
    await rack.run(undefined, 'ip', 'address', 'delete', `${RACK}/24`, 'dev', 'br0');
    await rack.reported('interface.waiting', () => true, from);
    const waiting = await rack.rackboot('doctor');
    assert.equal(waiting.code, 1);
    assert.match(waiting.out, /^BAD {2}network lab: waits: br0 does not have the address 10\.77\.4\.1$/m);
    await rack.run(undefined, 'ip', 'address', 'add', `${RACK}/24`, 'dev', 'br0');
    await rack.reported('interface.serving', () => true, from);

    await rack.stop();
    const stopped = await rack.rackboot('doctor');
    assert.equal(stopped.code, 1);
    const [first = '', ...more] = faults(stopped);
    assert.match(
      first,
      /^BAD {2}rackboot: is not running, .*run: sudo (?:node \S+)?rackboot(?:\.js)? run --config \S+rackboot\.yaml$/,
    );
    assert.deepEqual(more, [], 'silence is not a further fault');
    assert.match(stopped.out, /^Something is wrong: /m);
  });
});
