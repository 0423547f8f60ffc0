// Every place where outside text comes in: the table of hostile-text.test.ts. Each row sends hostile text under names of its own, so that
// the test knows which text came how far. To add a source, add a row.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/ground/clock.ts';
import {
  batchOf,
  heartbeatOf,
  OTHER_UUID,
  postEntry,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  registrationFields,
  reportEntry,
} from '../region/racks/rack-place.ts';
import { type Ended, eventually } from '../support/running-rack.ts';
import type { RackNetwork } from './rack-network.ts';

export const RACK = '10.77.19.1';
export const CLIENT_MAC = '52:54:00:77:19:02';
/** A machine that a remote rack says it has seen. */
export const FAR_MAC = '52:54:00:77:19:f1';
/** A client behind a relay agent. */
export const RELAYED_MAC = '52:54:00:77:19:31';
const SPEAKER = '10.77.19.67';
export const OTHER = '10.77.19.66';
const POWER_PORT = 8099;

/**
 * Clears the screen, sets the title, a CSI in one character, text turned around, invisible ones below and beyond U+FFFF, and markup that
 * leaves an attribute and begins an element.
 */
export const HOSTILE =
  '\u001b[2J\u001b]0;evil\u0007\u009b31m\u202egpj\u2066\u200bx\u00ad\u3164\u{e0041}"\' evil="<evil>&lt;';
const HOSTILE_LINE = `${HOSTILE}\nforged line`;
/** The characters that a target may have without being refused: no C0. */
export const HOSTILE_TARGET = '/seen-target%c2%9b31m%e2%80%aeevil%c2%ad%e3%85%a4%f3%a0%81%81%22%3cevil%3e';
/** A header may have no C0 either. */
const HOSTILE_HEADER = '\u009b31m\u202e\u00ad"<evil>';

/** The network, and the hosts that speak. */
export interface Strangers {
  readonly rack: RackNetwork;
  readonly client: string;
  readonly other: string;
  readonly speaker: string;
  /** The output of commands of the rack meanwhile. */
  readonly said: string[];
}

/** The identity of a machine at work: the token of its boot, and a key of its own. */
interface AtWork {
  readonly systemId: string;
  readonly bootToken: string;
  readonly authorization: string;
}

export interface Source {
  readonly name: string;
  /** The beginning of its text, which must be shown somewhere, with escapes behind it. A whole expression where it is shown otherwise. */
  readonly shows: readonly (string | RegExp)[];
  /** Before the rack starts. */
  readonly begin?: (strangers: Strangers) => Promise<void>;
  readonly speak?: (strangers: Strangers) => Promise<unknown>;
}

const CURL = ['curl', '-s', '-m', '5', '-o', '/dev/null', '-A', `agent ${HOSTILE_HEADER}`] as const;
const formOf = (fields: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
/** As octets that are not text are written: digits, with colons or without. */
const hexOf = (text: string): string => (digitsOf(text).match(/../g) ?? []).join(':?');
const digitsOf = (text: string): string => Buffer.from(text, 'utf8').toString('hex');
const base64Of = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** Runs a command of the rack that must succeed, and keeps its output. */
export async function command({ rack, said }: Strangers, ...words: readonly string[]): Promise<string> {
  const { code, out, err } = await rack.rackboot(...words);
  said.push(out + err);
  if (code !== 0) throw new Error(`${words.join(' ')}: ${out}${err}`);
  return out;
}

async function must(ended: Promise<Ended>): Promise<Ended> {
  const done = await ended;
  if (done.code !== 0) throw new Error(done.out + done.err);
  return done;
}

const speak =
  (what: string, mac = '') =>
  ({ rack, speaker }: Strangers): Promise<unknown> => {
    const program = new URL('./hostile-speaker.ts', import.meta.url).pathname;
    return must(rack.run(speaker, process.execPath, program, what, RACK, SPEAKER, HOSTILE, mac));
  };

/** A machine's report, with hostile text wherever it may write text. */
const FACTS = {
  version: 1,
  boot_mac: CLIENT_MAC,
  nics: [{ name: `nic${HOSTILE}`, mac: CLIENT_MAC, driver: HOSTILE, operstate: HOSTILE }],
  cpu: { count: 2, model: HOSTILE },
  memory_mib: 1024,
  disks: [{ name: `disk${HOSTILE}`, bytes: 1_000_000_000, model: HOSTILE, serial: HOSTILE, firmware: HOSTILE }],
  dmi: {
    vendor: `vendor${HOSTILE}`,
    product: `product${HOSTILE}`,
    serial: `serial${HOSTILE}`,
    version: HOSTILE,
    bios_version: HOSTILE,
  },
  virtualization: HOSTILE,
  kernel: HOSTILE,
};

/** A forged OFFER for all clients except those of later rows: its file name clears the screen of a user who asks for the status. */
async function forgeOffers({ rack, other }: Strangers): Promise<void> {
  const words = '--keep-in-foreground --port=0 --no-ping --dhcp-range=10.77.19.200,10.77.19.220,7200';
  const ignored = [CLIENT_MAC, RELAYED_MAC].map((mac) => `--dhcp-host=${mac},ignore`);
  const dnsmasq = rack.launch(
    other,
    'dnsmasq',
    '--conf-file=/dev/null',
    '--log-facility=-',
    `--dhcp-leasefile=${join(rack.directory, 'theirs')}`,
    ...ignored,
    `--dhcp-boot=offered-file${HOSTILE}.0`,
    ...words.split(' '),
  );
  await eventually('dnsmasq serves', () => dnsmasq.text().includes('IP range'));
}

/** Its host name, class, identifier and user class: udhcpc of busybox takes a lease. */
async function takeLease({ rack, client }: Strangers): Promise<void> {
  const lease = join(rack.directory, 'bound');
  const lines = '#!/bin/sh\n[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"; exit 0\n';
  writeFileSync(lease, lines, { mode: 0o755 });
  await must(
    rack.run(
      client,
      'busybox',
      'udhcpc',
      '-f',
      '-n',
      '-q',
      '-i',
      'eth0',
      '-s',
      lease,
      '-t',
      '5',
      '-T',
      '2',
      '-C',
      '-V',
      `client-class${HOSTILE}`,
      '-x',
      `hostname:client-name${HOSTILE}`,
      '-x',
      `0x3d:00${digitsOf(`client-id${HOSTILE}`)}`,
      '-x',
      `0x4d:${digitsOf(`user-class${HOSTILE}`)}`,
    ),
  );
}

/** The machine is commissioned, and one of its scripts prints hostile text. */
async function lieAtWork(strangers: Strangers, atWork: () => Promise<AtWork>): Promise<void> {
  const { rack, client } = strangers;
  const script = join(rack.directory, 'lies');
  writeFileSync(
    script,
    '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# name: lies\n# script_type: commissioning\n# --- End MAAS 1.0 script metadata ---\n',
  );
  await command(strangers, 'scripts', 'add', script);
  await command(strangers, 'machines', 'commission', CLIENT_MAC);
  const agent = ['curl', '-sSf', '-m', '5', '-H', `X-Rackboot-Token: ${(await atWork()).bootToken}`];
  const url = `http://${RACK}:5248/MAAS/rackboot/1`;
  const { out, err } = await rack.run(client, ...agent, `${url}/scripts`);
  const id = /^.*\blies\b.*$/m.exec(out)?.[0].match(/\b\d+\b/)?.[0];
  if (id === undefined) throw new Error(out + err);
  await lieAsCloudInit(strangers, await atWork());
  const said = {
    stage: `stage${HOSTILE}`,
    message: `signal${HOSTILE}`,
    output_base64: base64Of(`output${HOSTILE_LINE}`),
  };
  const news = { status: 'WORKING', script: 'lies', script_id: id, ended: 'exited', exit_status: '0', offset: '0' };
  await must(rack.run(client, ...agent, ...formOf({ ...news, ...said }), `${url}/signal`));
}

/** The same machine sends hostile text as cloud-init and curtin do: signals, their files, and reports of its stages. */
async function lieAsCloudInit({ rack, client }: Strangers, { systemId, authorization }: AtWork): Promise<void> {
  const metadata = `http://${RACK}:5248/MAAS/metadata`;
  const tell = (...words: readonly string[]): Promise<Ended> =>
    must(rack.run(client, 'curl', '-sSf', '-m', '5', '-H', `Authorization: ${authorization}`, ...words));
  const signal = { op: 'signal', status: 'WORKING', name: `cloud-script${HOSTILE}`, error: `cloud-error${HOSTILE}` };
  await tell(...formOf(signal), `${metadata}/2012-03-01/`);
  const file = join(rack.directory, 'result');
  writeFileSync(file, `cloud-result${HOSTILE_LINE}`);
  const fields = Object.entries({ ...signal, exit_status: '0' });
  const parts = fields.flatMap(([name, value]) => ['--form-string', `${name}=${value}`]);
  await tell(...parts, '-F', `cloud-file=@${file};filename=cloud-file.out`, `${metadata}/2012-03-01/`);
  const stage = { name: `cloud-stage${HOSTILE}`, description: `cloud-begins${HOSTILE}`, origin: HOSTILE };
  const failure = { name: 'modules-config', description: `cloud-fails${HOSTILE}`, result: 'FAIL', origin: HOSTILE };
  for (const report of [
    { event_type: 'start', ...stage },
    { event_type: 'finish', ...failure },
  ]) {
    const body = ['-H', 'Content-Type: application/json', '--data-binary', JSON.stringify(report)];
    await tell(...body, `${metadata}/status/${systemId}`);
  }
}

/** Commands of a rack whose output is kept, with any exit code. */
export async function say({ rack, said }: Strangers, ...words: readonly string[]): Promise<void> {
  const { out, err } = await rack.rackboot(...words);
  said.push(out + err);
}

/** The machine's power is held by a server that answers with hostile words. */
async function holdPower(strangers: Strangers): Promise<void> {
  const { rack, other } = strangers;
  const words = JSON.stringify(`power${HOSTILE}`);
  const program = `require('node:http').createServer((_, answer) => answer.writeHead(500).end(${words}))
    .listen(${POWER_PORT}, () => console.log('listening'))`;
  const server = rack.launch(other, process.execPath, '-e', program);
  await eventually('the power listens', () => server.text().includes('listening'));
  const uris = ['on', 'off', 'query'].map((word) => `power_${word}_uri=http://${OTHER}:${POWER_PORT}/${word}`);
  await command(strangers, 'power', 'set', CLIENT_MAC, 'webhook', ...uris);
  for (const question of ['status', 'check']) {
    for (const more of [[], ['--json']]) await say(strangers, 'power', question, CLIENT_MAC, ...more);
  }
}

/** An accepted rack sends hostile text about itself, its networks and its machines. */
async function lieAsRack(strangers: Strangers): Promise<void> {
  const { rack, other } = strangers;
  const interfaces = [{ ...rackInterface(), interface: 'i\u001b[2J\u009b\u202e"<evil>' }];
  const register = (more: Readonly<Record<string, string>>): readonly string[] =>
    formOf({ op: 'register', ...registrationFields(more) });
  const regionUrl = `http://${RACK}:5240/MAAS`;
  // One whose name is refused, and one that is accepted.
  const odd = { uuid: OTHER_UUID, name: `rack-name${HOSTILE}`, version: HOSTILE, token: 'another-token' };
  await rack.run(other, ...CURL, ...register(odd), `${regionUrl}/api/2.0/nodegroups/`);
  const own = register({ interfaces: JSON.stringify(interfaces) });
  await must(rack.run(other, ...CURL, '-f', ...own, `${regionUrl}/api/2.0/nodegroups/`));
  await command(strangers, 'racks', 'accept', RACK_UUID);
  const tell = (what: string, body: object): Promise<Ended> => {
    const file = join(rack.directory, 'told.json');
    writeFileSync(file, JSON.stringify(body));
    const words = ['-f', '-H', `Authorization: ${rackAuthorization()}`, '-H', 'Content-Type: application/json'];
    return must(
      rack.run(
        other,
        ...CURL,
        ...words,
        '--data-binary',
        `@${file}`,
        `${regionUrl}/uplink/1/racks/${RACK_UUID}/${what}`,
      ),
    );
  };
  const form = new URLSearchParams({ architecture: 'amd64', mac_addresses: FAR_MAC, hostname: `kept${HOSTILE}` });
  const seen = { mac: FAR_MAC, address: '10.50.0.77' };
  await tell(
    'heartbeat',
    heartbeatOf({
      interfaces,
      pinned: [`pinned${HOSTILE}`],
      settingsRefused: `settings${HOSTILE}`,
      life: `life${HOSTILE}`.slice(0, 64),
    }),
  );
  await tell(
    'events',
    batchOf([
      reportEntry(1, `before${HOSTILE}`, seen),
      postEntry(2, FAR_MAC, { body: Buffer.from(form.toString()).toString('base64') }),
      reportEntry(3, `reported${HOSTILE}`, { ...seen, kind: `kind${HOSTILE}`.slice(0, 64), level: 'warning' }),
      reportEntry(4, `leased${HOSTILE}`, { ...seen, kind: 'dhcp.ack' }),
      postEntry(5, FAR_MAC, { path: `/MAAS/path${HOSTILE}`, contentType: HOSTILE, peer: HOSTILE.slice(0, 60) }),
    ]),
  );
}

const MONTH_S = 30 * 86_400;
const day = (atS: number): string =>
  new Date(atS * 1000).toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');

/** The lease files of three other servers, each with a lease that is taken and an entry that is not understood. */
async function importLeases(strangers: Strangers): Promise<void> {
  const nowS = Math.floor(systemClock.wallTimeMs() / 1000);
  const until = nowS + MONTH_S;
  const mac = (last: string): string => `52:54:00:77:19:${last}`;
  const plain = HOSTILE.replaceAll(/[ ,]/g, '');
  const quoted = HOSTILE.replaceAll(/["\\; ]/g, '');
  const isc =
    `lease 10.77.19.105 {\n  starts 5 ${day(nowS)};\n  ends 5 ${day(until)};\n  hardware ethernet ${mac('a1')};\n` +
    `  client-hostname "isc-name${quoted}";\n  uid "isc-id${quoted}";\n  set vendor-class-identifier = "isc-class${quoted}";\n` +
    `  option agent.circuit-id "isc-port${quoted}";\n  option agent.remote-id "isc-switch${quoted}";\n}\n` +
    `lease isc-lease${quoted.slice(0, 8)} { ends never; }\nhost isc-host${quoted} { dynamic; }\n`;
  const kea =
    'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n' +
    `10.77.19.106,${mac('a2')},,${MONTH_S},${until},1,0,0,kea-name${plain},0,\n` +
    `kea-address${plain},${mac('a3')},,${MONTH_S},${until},1,0,0,kea,0,\nkea-line${plain}\n`;
  const dnsmasq = `${until} ${mac('a4')} 10.77.19.107 dnsmasq-name${plain} *\n${until} dnsmasq-line${plain} x y\n`;
  for (const [format, text] of Object.entries({ isc, kea, dnsmasq })) {
    const file = join(strangers.rack.directory, `${format}.leases`);
    writeFileSync(file, text);
    for (const more of [['--dry-run', '--json'], []]) {
      const { code, out, err } = await strangers.rack.rackboot('leases', 'import', '--format', format, ...more, file);
      strangers.said.push(out + err);
      if (code !== 1) throw new Error(`${format}: ${out}${err}`);
    }
  }
}

/** @param atWork gives the identity of the machine at work */
export const sourcesOf = (atWork: () => Promise<AtWork>): readonly Source[] => [
  { name: 'the file of another DHCP server', shows: ['offered-file'], begin: forgeOffers },
  {
    name: 'a DHCP client',
    // Identifiers and user classes are shown as digits where they are not text.
    shows: [
      'client-class',
      'client-name',
      ...['client-id', 'user-class'].map((name) => new RegExp(hexOf(`${name}\u001b`))),
    ],
    speak: takeLease,
  },
  {
    name: 'a relay agent and a client behind it',
    shows: [
      'relayed-class',
      'relayed-name',
      ...['circuit-id', 'remote-id', 'relayed-id', 'relayed-fqdn'].map((name) => new RegExp(hexOf(`${name}\u001b`))),
    ],
    speak: speak('dhcp', RELAYED_MAC),
  },
  {
    name: 'a client that declines its address',
    shows: ['dhcp-message'],
    speak: speak('dhcp-decline', '52:54:00:77:19:32'),
  },
  {
    name: 'the name of a file asked for by TFTP',
    shows: ['tftp-name'],
    speak: ({ rack, client }) =>
      rack.run(client, 'busybox', 'tftp', '-g', '-l', '/dev/null', '-r', `tftp-name${HOSTILE_LINE}`, RACK),
  },
  { name: 'the text of a TFTP error', shows: ['tftp-error'], speak: speak('tftp-error') },
  { name: 'the mode and the options of a TFTP request', shows: ['tftp-mode', 'tftp-option'], speak: speak('tftp-odd') },
  {
    name: 'the target and the fields of a request to the boot port',
    shows: ['seen-target'],
    speak: async ({ rack, client }) => {
      const fields = ['-H', `X-Machine: ${HOSTILE}`, '-H', `Host: h${HOSTILE_HEADER}`, '-e', HOSTILE_HEADER];
      const url = `http://${RACK}:5248/boot-target%1b%5b2J%c2%9b31m%e2%80%aeevil%0aforged%22%3cevil%3e`;
      await rack.run(client, ...CURL, ...fields, '--path-as-is', url);
      await rack.run(client, ...CURL, `http://${RACK}:5248${HOSTILE_TARGET}`);
    },
  },
  {
    name: 'a question to the DNS',
    shows: [/dns-name\\+027/],
    speak: async ({ rack, client }) => {
      for (const more of [[], ['axfr']]) {
        await rack.run(client, 'dig', '+tries=1', '+time=1', `@${RACK}`, 'dns-name\\027[2J\\155evil.maas', ...more);
      }
    },
  },
  {
    name: 'the report of a machine',
    shows: ['nic', 'disk', 'vendor', 'product', 'serial'],
    speak: ({ rack, client }) => {
      const about = { mac_addresses: CLIENT_MAC, architecture: 'amd64', hardware_facts: JSON.stringify(FACTS) };
      const form = formOf({ hostname: `reported-name${HOSTILE}`, ...about });
      return must(rack.run(client, ...CURL, '-f', ...form, `http://${RACK}:5248/MAAS/api/2.0/machines/`));
    },
  },
  {
    name: 'a report that is refused',
    // No command, log line, metric or page repeats any of these values, under the names that they have here.
    shows: [],
    speak: async ({ rack, client }) => {
      const form = formOf({
        hostname: `refused-name${HOSTILE}`,
        mac_addresses: `refused-mac${HOSTILE}`,
        architecture: `refused-cpu${HOSTILE}`,
        power_type: `refused-power${HOSTILE}`,
      });
      await rack.run(client, ...CURL, ...form, `http://${RACK}:5248/MAAS/api/2.0/machines/`);
    },
  },
  {
    name: 'sign-ins with a name or a key that nobody has',
    // The same: no attempted name is shown anywhere.
    shows: [],
    speak: async ({ rack, client }) => {
      const form = formOf({ username: `signed-in${HOSTILE}`, password: HOSTILE });
      await rack.run(client, ...CURL, ...form, `http://${RACK}:5240/MAAS/login/`);
      await rack.run(client, ...CURL, '-u', `basic-user${HOSTILE}:x`, `http://${RACK}:5240/MAAS/`);
      const key = ['-H', `Authorization: ${rackAuthorization(`key-holder${HOSTILE_HEADER}`, HOSTILE_HEADER)}`];
      await rack.run(client, ...CURL, ...key, `http://${RACK}:5240/MAAS/api/2.0/machines/`);
    },
  },
  {
    name: 'the work of a machine',
    // Only failures of cloud-init are reported. A script's name follows its message, and a file that comes with a signal is not kept.
    shows: ['stage', 'signal', 'output', 'cloud-error', 'cloud-fails'],
    speak: (strangers) => lieAtWork(strangers, atWork),
  },
  {
    name: 'the controller of a machine’s power',
    // Its answer is shown to administrators who ask, and kept nowhere: `power status` quotes it, `power check` shows it alone.
    shows: [/the controller answered: power\\x1b/, /Answer:? +power\\x1b/, /"said": ?"power\\+x1b/],
    speak: holdPower,
  },
  {
    name: 'a remote rack, its machines and its events',
    shows: ['settings', 'reported', 'leased'],
    speak: lieAsRack,
  },
  {
    name: 'the lease file of another server',
    shows: [
      'isc-class',
      ...['isc-id', 'isc-port', 'isc-switch'].map((name) => new RegExp(hexOf(`${name}\u001b`))),
      'isc-host',
      'isc-lease',
      'kea-address',
      'kea-line',
      'dnsmasq-line',
    ],
    speak: importLeases,
  },
];
