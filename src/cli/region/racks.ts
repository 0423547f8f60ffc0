// `rackboot racks`: the racks of the region (accepted, pending, away), through the daemon of this host.

import { z } from 'zod';
import { askDaemon } from '../../control/ask-daemon.ts';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { formatDuration, print, printTable } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';

const RACKS_PATH = '/MAAS/api/2.0/nodegroups/';

const rackShape = z.looseObject({
  uuid: z.string(),
  name: z.string(),
  status_name: z.string(),
  is_embedded: z.boolean(),
  is_away: z.boolean(),
  conflict: z.string().nullable(),
  /** An older region does not send this field or the next. */
  network_conflict: z.string().nullable().default(null),
  settings_refused: z.string().nullable().default(null),
  version: z.string(),
  last_seen: z.string().nullable(),
  registered: z.string().nullable().default(null),
  events_waiting: z.number(),
  events_dropped: z.number(),
  dead_letters: z.number(),
  interfaces: z.array(z.looseObject({ network: z.string() })),
});
type RackShape = z.infer<typeof rackShape>;

/**
 * @returns 1 if a rack is away, serves no network, refuses its settings or claims another rack's
 * network, or if two
 *   racks hand out the same addresses
 */
export async function listRacks(where: Where): Promise<number> {
  const raw = await askRegion(where, RACKS_PATH);
  const racks = z.array(rackShape).parse(raw);
  printAnswer(where, raw, () => {
    const nowMs = systemClock.wallTimeMs();
    printTable(
      ['NAME', 'STATE', 'LAST SEEN', 'VERSION', 'NETWORKS', 'EVENTS', 'UUID'],
      racks.map((rack) => row(rack, nowMs)),
      'No rack is known yet.',
    );
    for (const { name, conflict } of racks) if (conflict !== null) print(`BAD  ${name}: ${conflict}`);
    for (const { name, network_conflict: why } of racks) if (why !== null) print(`BAD  ${name}: ${why}`);
    for (const { name, settings_refused: why } of racks)
      if (why !== null) print(`BAD  ${name} refuses its settings from the store: ${why}`);
    for (const { name } of racks.filter(isUnserving))
      print(
        `BAD  ${name} serves no network: add cluster_interfaces to its file, or here: ` +
          `rackboot config set cluster_interfaces.NAME '{ … }' --rack ${name}`,
      );
    for (const { name, uuid } of racks.filter(({ status_name: state }) => state === 'pending')) {
      const isOnly = racks.filter((rack) => rack.name === name).length === 1;
      print(`${name} waits to be accepted: rackboot racks accept ${isOnly ? name : uuid}`);
    }
  });
  const isBad = (rack: RackShape): boolean =>
    rack.is_away ||
    rack.conflict !== null ||
    rack.network_conflict !== null ||
    rack.settings_refused !== null ||
    isUnserving(rack);
  return racks.some(isBad) ? 1 : 0;
}

/** An accepted remote rack that has reported, but names no network. */
const isUnserving = (rack: RackShape): boolean =>
  !rack.is_embedded && rack.status_name === 'accepted' && rack.last_seen !== null && rack.interfaces.length === 0;

function row(rack: RackShape, nowMs: number): string[] {
  // A pending rack has registered, but reported nothing yet.
  const heard = rack.last_seen ?? rack.registered;
  const seen = heard === null ? 'never' : `${formatDuration(Math.max(0, nowMs - Date.parse(heard)))} ago`;
  const counts: readonly (readonly [number, string])[] = [
    [rack.events_waiting, 'waiting'],
    [rack.events_dropped, 'lost'],
    [rack.dead_letters, 'refused'],
  ];
  return [
    rack.name,
    rack.is_embedded ? 'this host' : rack.is_away ? 'away' : rack.status_name,
    rack.is_embedded ? 'now' : seen,
    rack.version,
    rack.interfaces.map(({ network }) => network).join(' '),
    counts
      .filter(([count]) => count > 0)
      .map(([count, what]) => `${count} ${what}`)
      .join(', '),
    rack.uuid,
  ];
}

interface OnRack extends Where {
  readonly rack: string;
}

/**
 * @param share networks of other racks that it may also serve @throws RackError `not-found`,
 * `bad-argument`
 */
export async function judgeRack(
  argv: OnRack & { readonly share?: readonly string[] | undefined },
  verdict: 'accept' | 'reject',
): Promise<number> {
  const { uuid, name } = await findRack(argv, argv.rack);
  await askRegion(argv, `${RACKS_PATH}?op=${verdict}`, 'POST', { uuid, share: argv.share });
  const conflict =
    verdict === 'accept' ? rackShape.parse(await askRegion(argv, `${RACKS_PATH}${uuid}/`)).network_conflict : null;
  const raw = { uuid, name, done: `${verdict}ed`, network_conflict: conflict };
  return printAnswer(argv, raw, `${name} is ${verdict}ed.${conflict === null ? '' : ` But ${conflict}`}`);
}

export async function removeRack(argv: OnRack & { readonly yes: boolean }): Promise<number> {
  const { uuid, name, status_name: status } = await findRack(argv, argv.rack);
  if (status === 'accepted')
    await confirmOnTerminal(`Forget ${name}, which serves machines for this region?`, argv.yes);
  await askRegion(argv, `${RACKS_PATH}${uuid}/`, 'DELETE');
  return printAnswer(argv, { uuid, name, done: 'removed', network_conflict: null }, `${name} is removed.`);
}

const findRack = async (where: Where, wanted: string): Promise<RackShape> =>
  rackIn(z.array(rackShape).parse(await askRegion(where, RACKS_PATH)), wanted);

/**
 * Asks for a rack by name or UUID. @throws RackError `not-found`; `bad-argument` for a name of
 * several racks
 */
export const askRack = async (stateDir: string, wanted: string): Promise<RackShape> =>
  rackIn(z.array(rackShape).parse(await askDaemon(stateDir, RACKS_PATH)), wanted);

function rackIn(racks: readonly RackShape[], wanted: string): RackShape {
  const matches = racks.filter(({ uuid, name }) => uuid === wanted.toLowerCase() || name === wanted);
  const [first] = matches;
  if (first === undefined) {
    const hint = composeNearestHint(
      wanted,
      racks.map(({ name }) => name),
    );
    throw new RackError('not-found', `no rack is called ${wanted}; ${hint}\`rackboot racks list\` shows all`);
  }
  if (matches.length > 1) {
    const uuids = matches.map(({ uuid, status_name: state }) => `${uuid} (${state})`).join(', ');
    throw new RackError(
      'bad-argument',
      `${counted(matches.length, 'rack')} are called ${wanted}: name one by its UUID, ${uuids}`,
    );
  }
  return first;
}
