// Text that strangers send, from every place where the rack takes any, and what is then shown of it: no command, log line, metric or page
// has a control character of theirs, and whatever shows the text has escapes in their place. The strangers are other people's programs on
// the rack's wire: dnsmasq, udhcpc, tftp, curl, dig; a machine that lies about itself; and the controller of its power.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRegionStore } from '../../src/store/region-sqlite.ts';
import { missing } from '../support/needs.ts';
import { type Ended, eventually, RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dnsmasq', 'dig', 'curl', 'tcpdump');

const RACK = '10.77.19.1';
const OTHER_MAC = '52:54:00:77:19:66';
const CLIENT_MAC = '52:54:00:77:19:02';
const POWER_PORT = 8099;
/** Clears the screen, sets the title, a CSI in one character, text turned around, invisible ones below and beyond U+FFFF. */
const HOSTILE = '\u001b[2J\u001b]0;evil\u0007\u009b31m\u202egpj\u2066\u200bx\u00ad\u3164\u{e0041}';
const HOSTILE_LINE = `${HOSTILE}\nforged line`;
/** What a target may have without being refused: no C0. */
const HOSTILE_TARGET = '/%c2%9b31m%e2%80%aeevil%c2%ad%e3%85%a4%f3%a0%81%81';

/** All that `src/clean-text.ts` escapes but line ends and tabs. */
const UNFIT = /(?![\n\t])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/u;
/** What is shown in place of ESC or the CSI: that the text came this far. */
const ESCAPE = /\\(x|u00)(1b|9b)/;

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

/** What a machine says of itself, with hostile text wherever it may write text. */
const FACTS = {
  version: 1,
  boot_mac: CLIENT_MAC,
  nics: [{ name: `n${HOSTILE}`, mac: CLIENT_MAC, driver: HOSTILE, operstate: HOSTILE }],
  cpu: { count: 2, model: HOSTILE },
  memory_mib: 1024,
  disks: [{ name: `d${HOSTILE}`, bytes: 1_000_000_000, model: HOSTILE, serial: HOSTILE, firmware: HOSTILE }],
  dmi: {
    vendor: `v${HOSTILE}`,
    product: `p${HOSTILE}`,
    serial: `s${HOSTILE}`,
    version: HOSTILE,
    bios_version: HOSTILE,
  },
  virtualization: HOSTILE,
  kernel: HOSTILE,
};

/** A server refuses a field with C0 in it before anybody reads the rest: the agent's name has C1. */
const CURL = ['curl', '-s', '-m', '5', '-o', '/dev/null', '-A', 'evil \u009b31m\u202e'] as const;
const formOf = (fields: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);

/** Where strangers' text comes in. The commands are run on the client's host, `lease` takes its lease. */
const sourcesOf = (lease: string): readonly (readonly string[])[] => [
  // The host name, vendor class and options of a DHCP client.
  [
    ...['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', lease, '-t', '5', '-T', '2'],
    ...['-V', `${HOSTILE}vendor`, '-x', `hostname:${HOSTILE}`, '-F', HOSTILE],
  ],
  ['busybox', 'tftp', '-g', '-l', '/dev/null', '-r', HOSTILE_LINE, RACK],
  // The target and the fields of an HTTP request; a target that could be a file.
  [
    ...CURL,
    '-H',
    `X-Machine: ${HOSTILE}`,
    '--path-as-is',
    `http://${RACK}:5248/%1b%5b2J%c2%9b31m%e2%80%aeevil%0aforged`,
  ],
  [...CURL, `http://${RACK}:5248${HOSTILE_TARGET}`],
  ['dig', '+tries=1', '+time=1', `@${RACK}`, '\\027[2J\\155evil.maas'],
  // A report posted to the region.
  [
    ...CURL,
    ...formOf({
      hostname: HOSTILE,
      mac_addresses: CLIENT_MAC,
      architecture: 'amd64',
      hardware_facts: JSON.stringify(FACTS),
    }),
    `http://${RACK}:5248/MAAS/api/2.0/machines/`,
  ],
];

/** A command: its words, its exit code, and whether it shows text of strangers: as escapes, or as the expression says. */
type Command = readonly [words: string, code: number, shows: boolean | RegExp];

/** What people read; MACHINE and CAPTURE stand for those of the test. Each is also asked for JSON. */
const COMMANDS: readonly Command[] = [
  ['status', 0, true],
  ['events --level debug', 0, true],
  ['leases list', 0, false],
  ['leases show MACHINE', 0, /\?\[2J\?\]0;evil/],
  ['machines list', 0, false],
  ['machines show MACHINE', 0, true],
  ['neighbours', 0, false],
  ['racks list', 0, false],
  ['outbox', 1, false],
  ['trace', 0, false],
  ['trace MACHINE', 0, true],
  ['why MACHINE', 1, false],
  ['config show', 0, false],
  ['doctor', 1, false],
  ['decode CAPTURE', 0, true],
  ['replay CAPTURE', 0, true],
  ['scripts results MACHINE', 0, false],
  ['power status', 0, true],
  ['power status MACHINE', 1, true],
  ['power check MACHINE', 1, true],
];
/** Those that have no JSON, or none with text of strangers. */
const TEXT_COMMANDS: readonly Command[] = [
  ['scripts results MACHINE lies', 0, true],
  ['preseed render MACHINE', 0, false],
];

function assertFit(what: string, text: string): void {
  const at = text.search(UNFIT);
  assert.equal(at, -1, `${what} shows ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 20))}`);
}

describe('text of strangers', { skip }, () => {
  let rack: RackNetwork;
  let log = '';
  let capture = '';
  let other = '';
  let client = '';

  before(async () => {
    rack = new RackNetwork('text', RACK);
    log = join(rack.directory, 'rackboot.log');
    capture = join(rack.directory, 'wire.pcap');
    other = rack.namespace.addHost('other', OTHER_MAC);
    client = rack.namespace.addHost('client', CLIENT_MAC);
    await rack.run(other, 'ip', 'address', 'add', '10.77.19.66/24', 'dev', 'eth0');
    await startForger();
    rack.configure(CONFIG());
    await rack.start();
    // What the daemon's own output says is read as JSON by whoever waits for it; a file keeps the octets.
    rack.configure(CONFIG(log));
    await eventually('the log is a file', () => existsSync(log));
    await eventually('the other server is found', async () => (await shown('status')).includes('Beware'));
    const dump = rack.launch(
      undefined,
      'tcpdump',
      '-Z',
      'root',
      '-U',
      '--immediate-mode',
      '-s',
      '0',
      '-i',
      'br0',
      '-w',
      capture,
      'udp',
    );
    await eventually('tcpdump listens', () => dump.text().includes('listening on'));
    await speak();
    await eventually('all is captured', async () => (await ask(`decode ${capture}`)).out.includes('evil.maas'));
    await dump.end('SIGINT');
    await lieAtWork();
    await holdPower();
  });
  after(() => rack?.remove());

  /** A forged OFFER for everybody but the client: its file name clears the screen of whoever asks for the status. */
  async function startForger(): Promise<void> {
    const words = '--keep-in-foreground --port=0 --no-ping --dhcp-range=10.77.19.200,10.77.19.220,7200';
    const dnsmasq = rack.launch(
      other,
      ...['dnsmasq', '--conf-file=/dev/null', '--log-facility=-', `--dhcp-leasefile=${join(rack.directory, 'theirs')}`],
      ...[`--dhcp-host=${CLIENT_MAC},ignore`, `--dhcp-boot=${HOSTILE}.0`, ...words.split(' ')],
    );
    await eventually('dnsmasq serves', () => dnsmasq.text().includes('IP range'));
  }

  async function speak(): Promise<void> {
    const lease = join(rack.directory, 'bound');
    const lines = '#!/bin/sh\n[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"; exit 0\n';
    writeFileSync(lease, lines, { mode: 0o755 });
    const [dhcp = [], ...others] = sourcesOf(lease);
    const { code, err } = await rack.run(client, ...dhcp);
    assert.equal(code, 0, err);
    for (const command of others) await rack.run(client, ...command);
  }

  /** The machine is commissioned, and one of its scripts says what it likes. */
  async function lieAtWork(): Promise<void> {
    const script = join(rack.directory, 'lies');
    writeFileSync(
      script,
      '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# name: lies\n# script_type: commissioning\n# --- End MAAS 1.0 script metadata ---\n',
    );
    await done('scripts', 'add', script);
    await done('machines', 'commission', CLIENT_MAC);
    const store = openRegionStore({ stateDir: rack.stateDir });
    const token = store.listMachines({}, 0, 1)[0]?.bootToken;
    store.close();
    assert.ok(token);
    const agent = ['curl', '-sSf', '-m', '5', '-H', `X-Rackboot-Token: ${token}`];
    const url = `http://${RACK}:5248/MAAS/rackboot/1`;
    const { out, err } = await rack.run(client, ...agent, `${url}/scripts`);
    const id = /^.*\blies\b.*$/m.exec(out)?.[0].match(/\b\d+\b/)?.[0];
    assert.ok(id, out + err);
    const said = Buffer.from(HOSTILE_LINE).toString('base64');
    const news = {
      status: 'WORKING',
      stage: HOSTILE,
      message: HOSTILE,
      script: 'lies',
      script_id: id,
      ended: 'exited',
    };
    const form = formOf({ ...news, exit_status: '0', offset: '0', output_base64: said });
    const told = await rack.run(client, ...agent, ...form, `${url}/signal`);
    assert.equal(told.code, 0, told.err);
  }

  /** The machine's power is held by a server that answers with hostile words. */
  async function holdPower(): Promise<void> {
    const program = `require('node:http').createServer((_, answer) => answer.writeHead(500).end(${JSON.stringify(HOSTILE)}))
      .listen(${POWER_PORT}, () => console.log('listening'))`;
    const server = rack.launch(other, process.execPath, '-e', program);
    await eventually('the power listens', () => server.text().includes('listening'));
    const uris = ['on', 'off', 'query'].map((word) => `power_${word}_uri=http://10.77.19.66:${POWER_PORT}/${word}`);
    await done('power', 'set', CLIENT_MAC, 'webhook', ...uris);
    assert.equal((await rack.rackboot('power', 'status', CLIENT_MAC)).code, 1);
  }

  /** Runs a command; `decode` has no configuration. */
  const ask = (words: string): Promise<Ended> =>
    words.startsWith('decode')
      ? rack.run(undefined, ...rack.words(...words.split(' ')).slice(0, -2))
      : rack.rackboot(...words.split(' '));
  const shown = async (...words: readonly string[]): Promise<string> => (await rack.rackboot(...words)).out;
  async function done(...words: readonly string[]): Promise<void> {
    const { code, out, err } = await rack.rackboot(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${out}${err}`);
  }

  test('the forged file name is shown, harmless', async () => {
    assert.match(await shown('status'), /to load \\x1b\[2J\\x1b\]0;evil.*\\x9b31m/);
  });

  test('what a machine says of its parts is shown, harmless', async () => {
    const text = await shown('machines', 'show', CLIENT_MAC);
    for (const part of ['v', 'p', 's', 'n', 'd'])
      assert.ok(text.includes(`${part}\\x1b[2J\\x1b]0;evil\\x07\\x9b31m`), text);
  });

  for (const [words, code, shows] of [
    ...COMMANDS.flatMap(([first, ...rest]): Command[] => [
      [first, ...rest],
      [`${first} --json`, ...rest],
    ]),
    ...TEXT_COMMANDS,
  ]) {
    const what = shows !== false ? 'text of strangers, made harmless' : 'nothing that a terminal acts on';
    test(`rackboot ${words} shows ${what}`, async () => {
      const ended = await ask(words.replace('MACHINE', CLIENT_MAC).replace('CAPTURE', capture));
      assertFit(words, ended.out + ended.err);
      assert.equal(ended.code, code, ended.out + ended.err);
      if (shows !== false) assert.match(ended.out, shows === true ? ESCAPE : shows);
    });
  }

  for (const words of [
    ['events', '--level', 'debug'],
    ['events', '--level', 'debug', '--json'],
    ['trace', CLIENT_MAC],
    ['trace', CLIENT_MAC, '--json'],
  ]) {
    test(`rackboot ${words.join(' ')} --follow shows text of strangers as escapes, as it comes`, async () => {
      const following = rack.launch(undefined, ...rack.words(...words, '--follow'));
      await eventually('it has begun', () => following.text() !== '');
      const before = following.text().length;
      await rack.run(client, ...CURL, `http://${RACK}:5248${HOSTILE_TARGET}`);
      await eventually('it is told', () => ESCAPE.test(following.text().slice(before)));
      assertFit(words.join(' '), following.text());
      await following.end('SIGINT');
    });
  }

  test('the log has what the strangers said, and nothing that a terminal acts on', async () => {
    const text = await eventually('all of it is in the log', () => {
      const lines = readFileSync(log, 'utf8');
      const has = (event: string): boolean =>
        lines.split('\n').some((line) => line.includes(event) && ESCAPE.test(line));
      return ['"tftp.', '"http.'].every(has) && lines;
    });
    assertFit('the log', text);
    for (const line of text.trimEnd().split('\n')) JSON.parse(line);
  });

  test('the metrics show nothing of the kind', async () => {
    const { out } = await rack.run(undefined, 'curl', '-sSf', 'http://127.0.0.1:9109/metrics');
    assert.notEqual(out, '');
    assertFit('metrics', out);
  });

  test('the page of all machines and the page of one show escapes', async () => {
    const [machine] = JSON.parse(await shown('machines', 'list', '--json'));
    for (const path of ['', `machines/${machine.system_id}/`]) {
      const { out, err } = await rack.run(undefined, 'curl', '-sSf', `http://127.0.0.1:5240/MAAS/${path}`);
      assert.equal(err, '');
      assertFit(path, out);
      assert.match(out, ESCAPE);
    }
  });
});
