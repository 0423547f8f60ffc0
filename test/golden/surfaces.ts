// What others depend on, as text: the API as its clients learn it, the help of each command, metrics, keys of the configuration, events and
// refusals, the databases, the bytes with which the rack answers the captured questions of real clients, what is said of networks (networks.ts),
// what a filled region answers and shows (filled-region.ts), what loaders get (boot-texts.ts), and what images of good and bad sites print (images.ts). `write.ts` stores them in fixtures/golden;
// golden.test.ts compares. Everything is taken from the outside where that is possible, so that the code behind it may move.
//
// 1. A surface does not depend on the host, the time, or chance.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { identifyBootClient } from '../../src/boot/client.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { parseConfig } from '../../src/config/load.ts';
import { writtenConfigSchema } from '../../src/config/written.ts';
import { decide } from '../../src/dhcp/answers/decide.ts';
import { encodeReply } from '../../src/dhcp/answers/reply.ts';
import { DHCP_REFUSALS } from '../../src/dhcp/events/refusals.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { Offers } from '../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { ANY } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import { RACK_ERROR_CODES } from '../../src/ground/errors.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { REFUSALS } from '../../src/region/records/refusal.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';
import { RunningRack } from '../support/running-rack.ts';
import { bootTexts } from './boot-texts.ts';
import { takeFilledRegion } from './filled-region.ts';
import { imageTexts } from './images.ts';
import { SCENES } from './network-scenes.ts';
import { CHANGES } from './network-writes.ts';
import { takeScene } from './networks.ts';

/** The place on loopback of the rack whose surfaces are taken. */
export const PLACE = labPlace(123);
const INSTRUMENTS_PORT = 5249;
const ROOT = join(import.meta.dirname, '..', '..');

/** The stored surfaces. */
export const GOLDEN = join(ROOT, 'fixtures', 'golden');

/** Name of a file below fixtures/golden, and its text. */
type Surfaces = ReadonlyMap<string, string>;

const pretty = (value: unknown): string => `${JSON.stringify(value, undefined, 1)}\n`;
/** A reviver that leaves out what people read: `describe/` has the same texts. */
const withoutProse = (key: string, value: unknown): unknown =>
  (key === 'description' || key === 'summary') && typeof value === 'string' ? undefined : value;
const lines = (all: Iterable<string>): string => `${[...all].join('\n')}\n`;

/** The API's descriptions, the metrics and the databases of a running rack. */
async function ofRunningRack(place: LabPlace): Promise<[string, string][]> {
  const rack = new RunningRack(place);
  try {
    await rack.startWhole();
    const origin = `http://127.0.0.1:${place.regionPort}`;
    const get = async (path: string): Promise<string> => {
      const answer = await fetch(`${origin}${path}`);
      assert.equal(answer.status, 200, path);
      return (await answer.text()).replaceAll(origin, 'http://rack');
    };
    const found: [string, string][] = [];
    for (const version of ['1.0', '2.0']) {
      found.push([`api-${version}-describe.json`, pretty(JSON.parse(await get(`/MAAS/api/${version}/describe/`)))]);
      found.push([
        `api-${version}-openapi.json`,
        pretty(JSON.parse(await get(`/MAAS/api/${version}/openapi.json`), withoutProse)),
      ]);
    }
    const metrics = await (await fetch(`http://${place.octets}.1:${INSTRUMENTS_PORT}/metrics`)).text();
    found.push(['metrics.txt', lines([...metrics.matchAll(/^# (?:HELP|TYPE) .*$/gm)].map(([line]) => line))]);
    await rack.stop();
    for (const file of globSync('*.db', { cwd: rack.stateDir }).sort())
      found.push([`${file}.sql`, schemaOf(join(rack.stateDir, file))]);
    return found;
  } finally {
    await rack.remove();
  }
}

function schemaOf(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database
      .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type, name")
      .all();
    return lines(rows.map(({ sql }) => `${String(sql)};`));
  } finally {
    database.close();
  }
}

/** The help of each command, as `command-helps.ts` prints it. */
function commandHelps(): string {
  const { stdout, status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'command-helps.ts')], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '110', RACKBOOT_CONFIG: '/etc/rackboot/rackboot.yaml' },
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

const LAB = parseConfig(`
name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.99.0.1, network: 10.99.0.0/24, ip_range_low: 10.99.0.100, ip_range_high: 10.99.0.199 }
boot: { http: { listen: ['10.99.0.1:5248'] } }
dns: { listen: [10.99.0.1], upstream: [192.0.2.53] }
`);

/** The answer of a new rack to each captured DHCP message that a client broadcast; a REQUEST follows its own DISCOVER if there is one. */
function dhcpAnswers(): string {
  const config = LAB.ok ? LAB.config : assert.fail(JSON.stringify(LAB.problems));
  const machines = new MachineDirectory([]);
  const found: string[] = [];
  for (const file of globSync('fixtures/packets/dhcp-*.hex', { cwd: ROOT }).sort()) {
    const parts = readFileSync(join(ROOT, file), 'utf8')
      .replaceAll(/^#.*$/gm, '\n')
      .split(/\n\s*\n/);
    const payloads = parts
      .map((digits) => Buffer.from(digits.replaceAll(/[\s:]/g, ''), 'hex'))
      .filter(({ length }) => length > 0);
    const subnets = indexSubnets(config.dhcp, undefined);
    const table = new LeaseTable();
    table.load([], instant(0));
    table.serve(subnets.served, machines);
    const state = {
      leases: table,
      offers: new Offers(table.pools),
      machines,
      subnets,
      ports: { serverPort: config.dhcp.serverPort, clientPort: config.dhcp.clientPort },
      identifyClient: identifyBootClient,
      planBoot: (query: Parameters<typeof planBoot>[0]) => planBoot(query, config.boot),
    };
    for (const [index, bytes] of payloads.entries()) {
      const name = `${basename(file, '.hex')} ${index}`;
      const decoded = decodeDhcpMessage(bytes);
      if (!decoded.ok) {
        found.push(`${name}: ${decoded.fault.code}`);
        continue;
      }
      const arrival = { interfaceName: 'eth1', localAddress: ANY };
      const decision = decide(decoded.value, arrival, state, instant(1_700_000_000_000), ANY);
      if (decision.kind === 'reply') {
        const { bytes: reply } = encodeReply(decision.message, decoded.value);
        found.push(
          `${name}: ${Buffer.from(reply)
            .toString('hex')
            .replace(/(?:00){16,}/g, (zeros) => `[${zeros.length / 2} zeros]`)}`,
        );
      } else found.push(`${name}: ${decision.kind} ${'reason' in decision ? decision.reason : decision.event.kind}`);
    }
  }
  return lines(found);
}

async function takeNetworks(): Promise<Surfaces> {
  const found: [string, string][] = [];
  for (const scene of SCENES)
    found.push([`networks-${scene.name}.json`, await takeScene(scene, CHANGES[scene.name] ?? [])]);
  return new Map(found);
}

/** What needs no running rack, by the word of `write.ts`. */
export const PARTS: Readonly<Record<string, () => Promise<Surfaces>>> = {
  networks: takeNetworks,
  region: takeFilledRegion,
  boots: async () => new Map([['boot-texts.txt', bootTexts()]]),
  images: async () => new Map([['images.txt', await imageTexts()]]),
};

/** Everything. @param place where a rack may run */
export async function takeSurfaces(place: LabPlace): Promise<Surfaces> {
  const events = [...EVENT_KINDS].map(([kind, { level }]) => `${kind} ${level}`);
  const refusals = Object.entries(REFUSALS).map(([name, { status }]) => `${status} ${name}`);
  const found = new Map([
    ...(await ofRunningRack(place)),
    ['commands.txt', commandHelps()],
    ['configuration.json', pretty(z.toJSONSchema(writtenConfigSchema, { io: 'input', unrepresentable: 'any' }))],
    ['events.txt', lines(events.sort())],
    [
      'refusals.txt',
      lines(
        [
          ...refusals,
          ...Object.keys(DHCP_REFUSALS).map((name) => `dhcp ${name}`),
          ...Object.keys(RACK_ERROR_CODES).map((code) => `error ${code}`),
        ].sort(),
      ),
    ],
    ['dhcp-answers.txt', dhcpAnswers()],
  ]);
  for (const take of Object.values(PARTS)) for (const [name, text] of await take()) found.set(name, text);
  return found;
}
