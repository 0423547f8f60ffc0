// Text that strangers send, from every place where the rack takes any, and what is then shown of it: no command, log line, metric or page
// has a control character of theirs. The strangers are other people's programs on the rack's wire: dnsmasq, udhcpc, tftp, curl, dig.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually, RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dnsmasq', 'dig', 'curl');

const RACK = '10.77.19.1';
const OTHER_MAC = '52:54:00:77:19:66';
const CLIENT_MAC = '52:54:00:77:19:02';
/** Clears the screen, sets the title, a CSI in one character, text turned around, an invisible one, a line of its own. */
const HOSTILE = '\u001b[2J\u001b]0;evil\u0007\u009b31m\u202egpj\u2066\u200bx';
const HOSTILE_LINE = `${HOSTILE}\nforged line`;
/** The same as octets that are no UTF-8: C1 as one octet each, which a Latin-1 reading takes as they are. */
const MARK = 'evil';

/** C0 but line ends and tabs, DEL, C1, what turns text around and what nobody sees. */
const UNFIT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/u;

const CONFIG = (log?: string): string => `cluster_interfaces:
  - name: lab
    interface: br0
    management: 2
    ip: ${RACK}
    network: 10.77.19.0/24
    ip_range_low: 10.77.19.100
    ip_range_high: 10.77.19.110
metrics: { listen: ["127.0.0.1:9109"] }
log: { level: debug${log === undefined ? '' : `, file: ${log}`} }
`;

/** Where strangers' text comes in. The commands are run on the stranger's host. */
const SOURCES: readonly [string, readonly string[]][] = [
  [
    'the host name, vendor class and options of a DHCP client',
    [
      ...['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true', '-t', '3', '-T', '1'],
      ...['-V', `${HOSTILE}vendor`, '-x', `hostname:${HOSTILE}`, '-F', HOSTILE],
    ],
  ],
  ['the name in a TFTP request', ['busybox', 'tftp', '-g', '-l', '/dev/null', '-r', HOSTILE_LINE, RACK]],
  [
    'a target and the fields of an HTTP request',
    [
      ...['curl', '-s', '-m', '5', '-o', '/dev/null', '-A', HOSTILE, '-H', `X-Machine: ${HOSTILE}`, '--path-as-is'],
      `http://${RACK}:5248/%1b%5b2J%c2%9b31m%e2%80%aeevil%0aforged`,
    ],
  ],
  ['a name that is asked of the DNS', ['dig', '+tries=1', '+time=1', `@${RACK}`, '\\027[2J\\155evil.maas']],
  [
    'a target that could be a file, with C1 and what turns text around',
    [
      'curl',
      '-s',
      '-m',
      '5',
      '-o',
      '/dev/null',
      '-A',
      'evil \u009b31m\u202e',
      `http://${RACK}:5248/%c2%9b31m%e2%80%aeevil`,
    ],
  ],
  [
    'a report posted to the region',
    [
      ...[
        'curl',
        '-s',
        '-m',
        '5',
        '-o',
        '/dev/null',
        '-A',
        HOSTILE,
        '-X',
        'POST',
        '--data-urlencode',
        `hostname=${HOSTILE}`,
      ],
      ...['--data-urlencode', 'mac_addresses=52:54:00:77:19:02', '--data-urlencode', 'architecture=amd64'],
      ...['--data-urlencode', `hardware={"system":{"vendor":"${HOSTILE.replace(/[\u0000-\u001f]/g, 'evil')}"}}`],
      `http://${RACK}:5248/MAAS/api/2.0/machines/`,
    ],
  ],
];

/** What people read. Each is also asked for JSON where it has any. */
const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['events'],
  ['leases', 'list'],
  ['machines', 'list'],
  ['neighbours', 'list'],
  ['racks', 'list'],
  ['outbox'],
  ['trace'],
  ['trace', CLIENT_MAC],
  ['why', CLIENT_MAC],
  ['config', 'show'],
];

function assertFit(what: string, text: string): void {
  const at = text.search(UNFIT);
  assert.equal(at, -1, `${what} shows ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 20))}`);
}

describe('text of strangers', { skip }, () => {
  let rack: RackNetwork;
  let log = '';
  let client = '';

  before(async () => {
    rack = new RackNetwork('text', RACK);
    log = join(rack.directory, 'rackboot.log');
    const other = rack.namespace.addHost('other', OTHER_MAC);
    client = rack.namespace.addHost('client', CLIENT_MAC);
    await rack.run(other, 'ip', 'address', 'add', '10.77.19.66/24', 'dev', 'eth0');
    await rack.run(client, 'ip', 'address', 'add', '10.77.19.102/24', 'dev', 'eth0');
    // A forged OFFER: its file name clears the screen of whoever asks for the status.
    const words = '--keep-in-foreground --port=0 --no-ping --dhcp-range=10.77.19.200,10.77.19.220,7200';
    const leases = `--dhcp-leasefile=${join(rack.directory, 'theirs')}`;
    const boot = `--dhcp-boot=${HOSTILE}.0`;
    const dnsmasq = rack.launch(
      other,
      'dnsmasq',
      '--conf-file=/dev/null',
      '--log-facility=-',
      leases,
      boot,
      ...words.split(' '),
    );
    await eventually('dnsmasq serves', () => dnsmasq.text().includes('IP range'));
    rack.configure(CONFIG());
    await rack.start();
    // What the daemon's own output says is read as JSON by whoever waits for it; a file keeps the octets.
    rack.configure(CONFIG(log));
    await eventually('the log is a file', () => existsSync(log));
    await eventually('the other server is found', async () => (await status()).includes('Beware'));
    for (const [, command] of SOURCES) await rack.run(client, ...command);
  });
  after(() => rack?.remove());

  const status = async (): Promise<string> => (await rack.rackboot('status')).out;

  test('the forged file name is shown, harmless', async () => {
    assert.match(await status(), /to load \\x1b\[2J\\x1b\]0;evil.*\\x9b31m/);
  });

  for (const command of COMMANDS) {
    for (const json of [[], ['--json']]) {
      const words = [...command, ...json];
      test(`rackboot ${words.join(' ')} shows nothing that a terminal acts on`, async () => {
        const { out, err } = await rack.rackboot(...words);
        assertFit(words.join(' '), out + err);
      });
    }
  }

  test('the log has what the strangers said, and nothing that a terminal acts on', async () => {
    await eventually('all of it is in the log', () => {
      const text = readFileSync(log, 'utf8');
      return ['tftp.', 'http.', 'dhcp.'].every((event) => text.includes(event)) && text.includes(MARK);
    });
    const bytes = readFileSync(log);
    assertFit('the log', bytes.toString('utf8'));
    for (const line of bytes.toString('utf8').trimEnd().split('\n')) JSON.parse(line);
  });

  test('the metrics and the page show nothing of the kind', async () => {
    for (const url of ['http://127.0.0.1:9109/metrics', 'http://127.0.0.1:5240/MAAS/']) {
      const { out } = await rack.run(undefined, 'curl', '-s', url);
      assert.notEqual(out, '');
      assertFit(url, out);
    }
  });
});
