// The name a client wants in the DNS (option 81), as real clients send it and read the answer: dhclient, udhcpc and dhcpcd; and the
// resulting answers of the rack's DNS.
// @host waits

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readCapture } from '../../src/capture/pcap.ts';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION } from '../../src/dhcp/wire/options.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient', 'dhcpcd', 'tcpdump', 'dig', 'unshare');

const RACK = '10.97.1.1';
const NAMED = '52:54:00:97:02:01';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.97.1.0/24
    domain: lab.example
    ip_range_low: 10.97.1.100
    ip_range_high: 10.97.1.199
    conflict_check: false
    hosts: [{ mac: "${NAMED}", ip: 10.97.1.20, hostname: printer }]
boot: { http: { listen: [] } }
`;

/** The client's script results, one line a turn. */
const SCRIPT = `#!/bin/sh
if [ -n "$reason" ]; then
  turn=$reason ip=$new_ip_address
  fqdn="$new_fqdn_fqdn$new_fqdn_hostname.$new_fqdn_domainname s=$new_fqdn_server_update n=$new_fqdn_no_client_update"
else
  turn=$1 fqdn=
fi
echo "$turn $ip $fqdn" >>"$0.turns"
`;

describe('DHCP clients that name themselves in full', { skip }, () => {
  let rack: RackNetwork;
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('names', RACK);
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  const addHost = (label: string, mac: string): string => {
    writeFileSync(scratch(label), SCRIPT, { mode: 0o755 });
    return rack.namespace.addHost(label, mac);
  };
  const bound = (label: string): Promise<readonly string[]> =>
    eventually(`a lease of ${label}`, () => {
      try {
        const lines = readFileSync(scratch(`${label}.turns`), 'utf8').split('\n');
        return lines.find((line) => /^(bound|BOUND|REBOOT) 10\./.test(line))?.split(' ');
      } catch {
        return undefined;
      }
    });
  const dig = async (...words: readonly string[]): Promise<string> =>
    (await rack.run(undefined, 'dig', `@${RACK}`, '+short', '+time=2', '+tries=2', ...words)).out.trim();

  /** Option 81 of the ACKs that a host gets while `work` runs, as text. */
  const watched = async (host: string, work: () => Promise<void>): Promise<readonly string[]> => {
    const file = scratch(`${host}.pcap`);
    const listening = rack.launch(
      host,
      'tcpdump',
      '-Z',
      'root',
      '-U',
      '--immediate-mode',
      '-i',
      'eth0',
      '-w',
      file,
      'udp port 68',
    );
    await eventually('tcpdump listens', () => /listening on/.test(listening.text()));
    await work();
    const found = await eventually('an answer with a name', async () => {
      const answers = readCapture(readFileSync(file))?.datagrams ?? [];
      const names = answers.flatMap(({ bytes }) => {
        const read = decodeDhcpMessage(bytes);
        const name = read.ok ? read.value.options.get(OPTION.clientFqdn) : undefined;
        if (name === undefined) return [];
        const flags = ['S', 'O', 'E', 'N'].filter((_, bit) => ((name[0] ?? 0) & (1 << bit)) !== 0).join(' ');
        // The lengths of labels look like dots.
        return [
          `(${flags}) ${Buffer.from(name.subarray(3))
            .toString('latin1')
            .replaceAll(/\P{ASCII}|\p{Cc}/gu, '.')}`,
        ];
      });
      return names.some((text) => text.includes('lab.example')) && names;
    });
    await listening.end();
    return found;
  };

  test('dhclient gets its full name, in labels and in ASCII, and the DNS knows it both ways', async () => {
    for (const [label, encoded] of [
      ['labels', 'on'],
      ['ascii', 'off'],
    ] as const) {
      const host = addHost(label, `52:54:00:97:02:1${label.length}`);
      const conf =
        `send fqdn.fqdn "${label}.elsewhere.example.";\nsend fqdn.encoded ${encoded};\nsend fqdn.server-update on;\n` +
        'request subnet-mask, fqdn.fqdn;\ninitial-interval 1;\n';
      writeFileSync(scratch(`${label}.conf`), conf);
      const files = [
        '-cf',
        scratch(`${label}.conf`),
        '-lf',
        scratch(`${label}.leases`),
        '-pf',
        scratch(`${label}.pid`),
      ];
      const client = rack.launch(host, 'dhclient', '-4', '-d', ...files, '-sf', scratch(label), 'eth0');
      const turn = await bound(label);
      const [, address = ''] = turn;
      await client.end('SIGKILL');
      assert.match(turn.join(' '), new RegExp(`${label}\\.lab\\.example`), 'the name that its script got');
      assert.equal(await dig(`${label}.lab.example`, 'A'), address);
      assert.equal(await dig('-x', address), `${label}.lab.example.`);
    }
  });

  test('the DNS enters udhcpc -F under the name it sends, and a host that the operator named under the operator’s name', async () => {
    for (const [label, mac, name] of [
      ['wisher', '52:54:00:97:02:31', 'wisher'],
      ['reserved', NAMED, 'printer'],
    ] as const) {
      const host = addHost(label, mac);
      const words = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', scratch(label), '-t', '4', '-T', '1'];
      const reported = await watched(host, async () => {
        await well(rack.run(host, ...words, '-F', label));
      });
      const [, address = ''] = await bound(label);
      assert.ok(
        reported.some((text) => text.includes(`${name}.lab.example`)),
        reported.join('\n'),
      );
      assert.equal(await dig(`${name}.lab.example`, 'A'), address);
    }
    assert.equal(await dig('reserved.lab.example', 'A'), '', 'and not under what it calls itself');
  });

  test('dhcpcd that forbids DNS entries gets them refused, and its name is nowhere', async () => {
    const host = addHost('shy', '52:54:00:97:02:41');
    for (const [mode, flags, entered] of [
      ['both', 'S E', true],
      ['none', 'E N', false],
    ] as const) {
      rmSync(scratch('shy.turns'), { force: true });
      mkdirSync(scratch(`dhcpcd-${mode}`), { recursive: true });
      writeFileSync(scratch('dhcpcd.conf'), `hostname shy\nfqdn ${mode}\nduid\nipv4only\nnoarp\n`);
      const own = `mount -t tmpfs none /run && mount --bind ${scratch(`dhcpcd-${mode}`)} /var/lib/dhcpcd && exec dhcpcd -B -1 -d -t 20 -f ${scratch('dhcpcd.conf')} -c ${scratch('shy')} eth0`;
      const reported = await watched(host, async () => {
        await well(rack.run(host, 'unshare', '-m', 'sh', '-c', own));
      });
      assert.ok(
        reported.some((text) => text.includes(`(${flags})`) && text.includes('lab.example')),
        reported.join('\n'),
      );
      const found = await eventually(`the name, ${mode}`, async () => {
        const name = await dig('shy.lab.example', 'A');
        return (name !== '') === entered && `is ${name}`;
      });
      assert.match(found, entered ? /^is 10\.97\.1\.1\d\d$/ : /^is $/);
    }
  });
});
