// `rackboot power status`, `on`, `off`, `cycle` and `set`: the power of machines as the region holds it.
//
// 1. The region answers before a machine is switched; with `--wait` the command stays until that has ended.
//    Only an event after the answer that tells of the same kind of switching is taken for that end.
// 2. A value of a parameter may be read from a file, so that no secret stands in the list of processes.

import { z } from 'zod';
import { sleep } from '../../clock.ts';
import { isRegionElsewhere, loadPlace } from '../../config/load.ts';
import { RackError } from '../../errors.ts';
import { plainWords } from '../../region/records/event-words.ts';
import { askDaemon } from '../control.ts';
import { formatDuration, print, printError, printFields, printJson, printTable } from '../output.ts';
import { machineShape } from '../shapes.ts';
import { findMachine } from './identity.ts';
import { formOf, type LifeArguments, readFile } from './life.ts';
import { missingProgramLines } from './power-programs.ts';
import { handNote } from './switched-by-hand.ts';

const MACHINES_PATH = '/MAAS/api/2.0/machines/';
/** Events of a machine that are looked through for the end of its switching: those from its beginning on, the oldest of them. */
const EVENTS_MAX = 1000;
const LOOK_EVERY_MS = 500;
/** The longest a command may wait for its controller and for its end. */
const WAIT_MS_MAX = 15 * 60_000;

const powerShape = machineShape.extend({
  power_type: z.string(),
  power_state: z.string(),
  power_state_age: z.number().nullable(),
  power_state_text: z.string(),
  power_task: z.string(),
});
type PowerShape = z.infer<typeof powerShape>;
/** What the region answers to a switch: `event_id` is the machine's newest event then. */
const switchedShape = powerShape.extend({
  event_id: z.number(),
  /** A region that is older does not say. */
  switches_itself_off: z.boolean().default(false),
});
const stateShape = z.object({ state: z.string(), age: z.number().nullable(), text: z.string() });
const eventsShape = z.object({ events: z.array(z.object({ type: z.string(), description: z.string() })) });

/** A good answer of a controller, which says nothing more than the state beside it, is left out. */
const plainText = (text: string): string => (/^HTTP 2\d\d\b/.test(text) ? '' : plainWords(text));

const ageText = (seconds: number | null): string => (seconds === null ? '-' : `${formatDuration(seconds * 1000)} ago`);

/** Prints the power of one machine, asked for now, or what is known of all. @returns 0; 1 when the one gave no good answer */
export async function showPower(argv: {
  readonly config: string;
  readonly json: boolean;
  readonly machine?: string | undefined;
}): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  if (argv.machine === undefined) return showAll(stateDir, argv.json);
  const { system_id: id, fqdn } = await findMachine(stateDir, argv.machine);
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}${id}/?op=query_power_state`);
  const { state, age, text } = stateShape.parse(raw);
  if (argv.json) printJson({ system_id: id, state, age, text });
  else {
    const more: [string, string][] = plainText(text) === '' ? [] : [['Words', plainText(text)]];
    printFields([['Machine', `${fqdn} (${id})`], ['Power', state], ['Seen', ageText(age)], ...more]);
  }
  return state === 'error' ? 1 : 0;
}

async function showAll(stateDir: string, json: boolean): Promise<number> {
  const machines = z.array(powerShape).parse(await askDaemon(stateDir, MACHINES_PATH));
  if (json) {
    const brief = machines.map((machine) => ({
      system_id: machine.system_id,
      fqdn: machine.fqdn,
      power_type: machine.power_type,
      state: machine.power_state,
      age: machine.power_state_age,
      text: machine.power_state_text,
      task: machine.power_task,
    }));
    printJson(brief);
    return 0;
  }
  printTable(
    ['MACHINE', 'DRIVER', 'POWER', 'SEEN', 'NOTE'],
    machines.map((machine) => [
      machine.fqdn,
      machine.power_type || '-',
      machine.power_state,
      ageText(machine.power_state_age),
      noteOf(machine),
    ]),
    'No machine is known.',
  );
  return 0;
}

function noteOf(machine: PowerShape): string {
  if (machine.power_task !== '') return `being switched: ${machine.power_task}`;
  return [handNote(machine), plainText(machine.power_state_text)].filter((text) => text !== '').join('; ');
}

/**
 * Has a machine switched. @returns 0; with `wait` 1 when that was not done
 * @throws RackError `not-found`, `bad-argument` when the region refuses, `not-running` while the machine is being switched
 */
export async function switchMachine(
  argv: LifeArguments & { readonly machine: string; readonly wait: boolean },
  op: 'power_on' | 'power_off' | 'power_cycle',
  fields: Readonly<Record<string, string>>,
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { system_id: id } = await findMachine(stateDir, argv.machine);
  const form = formOf({ comment: argv.comment, ...fields });
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}${id}/?op=${op}`, 'POST', form);
  const machine = switchedShape.parse(raw);
  if (!argv.wait) {
    if (argv.json) printJson(raw);
    else {
      print(`${machine.fqdn} (${id}) is being switched: ${machine.power_task}.`);
      if (op !== 'power_off') tellWhatFollows(machine);
    }
    return 0;
  }
  const isOver = await awaitTask(stateDir, machine);
  const way = op === 'power_off' ? 'off' : 'on';
  const end = await findEnd(stateDir, machine, machine.event_id, way);
  const isDone = end?.type === `Node powered ${way}`;
  const text = end?.description ?? (isOver ? 'something else was done with its power' : 'it is still being switched');
  if (argv.json) printJson({ system_id: id, done: isDone, text });
  else {
    print(`${machine.fqdn} (${id}): ${plainWords(text)}.`);
    if (isDone && way === 'on') tellWhatFollows(machine);
  }
  return isDone ? 0 : 1;
}

/** A machine that nothing waits for does not stay on: who switches it on is not to wonder. */
function tellWhatFollows({
  status_name: status,
  hostname,
  switches_itself_off: isToEnd,
}: z.output<typeof switchedShape>) {
  if (!isToEnd) return;
  print(
    `It is ${status}, and has nothing to do: when it starts from the network, it is told to switch off. ` +
      `To have it stay on: rackboot machines rescue ${hostname}`,
  );
}

/** Waits until nobody switches the machine any more. @returns false when that takes longer than WAIT_MS_MAX */
async function awaitTask(stateDir: string, { system_id: id }: PowerShape): Promise<boolean> {
  const path = `${MACHINES_PATH}${id}/`;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_EVERY_MS) {
    if (powerShape.parse(await askDaemon(stateDir, path)).power_task === '') return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

/**
 * The event that tells how switching this way ended that began at the event `after`. The first: later ones tell of what somebody else did.
 * Undefined: none does, because another command took its place, or because it has not ended.
 */
async function findEnd(stateDir: string, { system_id: id }: PowerShape, after: number, way: 'on' | 'off') {
  const query = new URLSearchParams({ id, after: String(after), limit: String(EVENTS_MAX), level: 'DEBUG' });
  const { events } = eventsShape.parse(await askDaemon(stateDir, `/MAAS/api/2.0/events/?op=query&${query}`));
  const ends = [`Node powered ${way}`, `Failed to power ${way} node`];
  return events.findLast(({ type }) => ends.includes(type));
}

/** Says how a machine is switched. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function setPower(argv: {
  readonly config: string;
  readonly json: boolean;
  readonly machine: string;
  readonly type: string;
  readonly parameters?: readonly string[] | undefined;
  readonly skipCheck: boolean;
}): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { system_id: id } = await findMachine(stateDir, argv.machine);
  const form = formOf({
    power_type: argv.type,
    power_parameters: JSON.stringify(Object.fromEntries((argv.parameters ?? []).map(parseParameter))),
    ...(argv.skipCheck ? { power_parameters_skip_check: 'true' } : {}),
  });
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}${id}/`, 'PUT', form);
  const { fqdn, power_type: type } = powerShape.parse(raw);
  if (argv.json) printJson(raw);
  else print(`${fqdn} (${id}) is switched by ${type === '' || type === 'manual' ? 'hand' : type} now.`);
  // A region elsewhere switches it from there, with programs that are not seen from here.
  if (!isRegionElsewhere(argv.config)) for (const line of missingProgramLines([type])) printError(line);
  return 0;
}

/** `name=value`, or `name@file` for the first line of a file. @throws RackError `bad-argument` */
export function parseParameter(text: string): readonly [string, string] {
  const [, name, mark, rest = ''] = /^([a-z0-9_]{1,64})([=@])(.*)$/is.exec(text) ?? [];
  if (name === undefined) {
    throw new RackError('bad-argument', `${text.split('=', 1)[0]} is no parameter: give name=value, or name@file`);
  }
  return [name, mark === '@' ? (readFile(rest).toString('utf8').split('\n', 1)[0] ?? '') : rest];
}
