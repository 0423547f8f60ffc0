// `rackboot power status`, `on`, `off`, `cycle` and `set`: the power of machines, through the region.
//
// 1. The region answers before it switches the machine. With `--wait` the command waits for the
//    first later event that reports the end of the same kind of switching.
// 2. A value may come from a file, so that no secret is in the list of processes.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { sleep } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { plainWords } from '../../region/records/power-words.ts';
import { askRegion, type Fields, printAnswer, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatDuration, print, printError, printFields, printTable } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { formatMachineTitle } from './arguments.ts';
import { findMachine, type MachineArguments } from './identity.ts';
import { missingProgramLines } from './power-programs.ts';
import { handNote } from './progress.ts';

/** How many of a machine's events since the start of a switch are searched for its end. */
const EVENTS_MAX = 1000;
const POLL_MS = 500;
/** The longest that a switch may take, with the wait for its controller. */
const WAIT_MS_MAX = 15 * 60_000;

const powerShape = machineShape.extend({
  power_type: z.string(),
  power_state: z.string(),
  power_state_age: z.number().nullable(),
  power_state_text: z.string(),
  power_task: z.string(),
});
type PowerShape = z.infer<typeof powerShape>;
/** `event_id` is the machine's newest event at that time. */
const switchedShape = powerShape.extend({
  event_id: z.number(),
  /** An older region does not send it. */
  switches_itself_off: z.boolean().default(false),
});
const stateShape = z.object({ state: z.string(), age: z.number().nullable(), text: z.string() });
const eventsShape = z.object({ events: z.array(z.object({ type: z.string(), description: z.string() })) });

/** Formats a controller's answer. A success response adds nothing to the state. */
const plainText = (text: string): string => (/^HTTP 2\d\d\b/.test(text) ? '' : plainWords(text));

const ageText = (seconds: number | null): string => (seconds === null ? '-' : `${formatDuration(seconds * 1000)} ago`);

/** Queries the power of one machine, or prints the last known power of all. @returns 1 if the query failed */
export async function showPower(argv: Where & { readonly machine?: string | undefined }): Promise<number> {
  if (argv.machine === undefined) return await showAll(argv);
  const { system_id: id, fqdn } = await findMachine(argv, argv.machine);
  const raw = await askRegion(argv, `${MACHINES_PATH}${id}/?op=query_power_state`);
  const { state, age, text } = stateShape.parse(raw);
  printAnswer(argv, { system_id: id, state, age, text }, () => {
    const details: [string, string][] = plainText(text) === '' ? [] : [['Details', plainText(text)]];
    printFields([['Machine', `${fqdn} (${id})`], ['Power', state], ['Seen', ageText(age)], ...details]);
  });
  return state === 'error' ? 1 : 0;
}

async function showAll(where: Where): Promise<number> {
  const machines = z.array(powerShape).parse(await askRegion(where, MACHINES_PATH));
  const summaries = machines.map((machine) => ({
    system_id: machine.system_id,
    fqdn: machine.fqdn,
    power_type: machine.power_type,
    state: machine.power_state,
    age: machine.power_state_age,
    text: machine.power_state_text,
    task: machine.power_task,
  }));
  const rows = machines.map((machine) => [
    machine.fqdn,
    machine.power_type || '-',
    machine.power_state,
    ageText(machine.power_state_age),
    describePower(machine),
  ]);
  return printAnswer(where, summaries, () =>
    printTable(['MACHINE', 'DRIVER', 'POWER', 'SEEN', 'NOTE'], rows, 'No machine is known.'),
  );
}

function describePower(machine: PowerShape): string {
  if (machine.power_task !== '') return `being switched: ${machine.power_task}`;
  return [handNote(machine), plainText(machine.power_state_text)].filter((text) => text !== '').join('; ');
}

/**
 * Switches a machine. @returns 1 if the command waited and the switch failed
 * @throws RackError `not-found`, `bad-argument` if the region refuses, `not-running` while it is
 * already being switched
 */
export async function switchMachine(
  argv: MachineArguments & { readonly wait: boolean },
  op: 'power_on' | 'power_off' | 'power_cycle',
  fields: Fields,
): Promise<number> {
  const { system_id: id } = await findMachine(argv, argv.machine);
  const raw = await askRegion(argv, `${MACHINES_PATH}${id}/?op=${op}`, 'POST', { comment: argv.comment, ...fields });
  const machine = switchedShape.parse(raw);
  const direction = op === 'power_off' ? 'off' : 'on';
  if (!argv.wait)
    return printAnswer(argv, raw, () => {
      print(`${machine.fqdn} (${id}) is being switched: ${machine.power_task}.`);
      if (direction === 'on') printWhatFollows(machine);
    });
  const hasEnded = await awaitTask(argv, machine);
  const endEvent = await findEndEvent(argv, machine, machine.event_id, direction);
  const isDone = endEvent?.type === `Node powered ${direction}`;
  const text = endEvent?.description ?? (hasEnded ? 'another command changed its power' : 'it is still being switched');
  printAnswer(argv, { system_id: id, done: isDone, text }, () => {
    print(`${machine.fqdn} (${id}): ${plainWords(text)}.`);
    if (isDone && direction === 'on') printWhatFollows(machine);
  });
  return isDone ? 0 : 1;
}

/** Prints that a machine with nothing to do switches itself off again. */
function printWhatFollows({
  status_name: status,
  hostname,
  switches_itself_off: switchesItselfOff,
}: z.output<typeof switchedShape>) {
  if (!switchesItselfOff) return;
  print(
    `It is ${status} and has nothing to do: when it boots from the network, Rackboot tells it to switch off. ` +
      `To keep it on: rackboot machines rescue ${hostname}`,
  );
}

/** @returns false if the switch takes longer than WAIT_MS_MAX */
async function awaitTask(where: Where, { system_id: id }: PowerShape): Promise<boolean> {
  const path = `${MACHINES_PATH}${id}/`;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += POLL_MS) {
    if (powerShape.parse(await askRegion(where, path)).power_task === '') return true;
    await sleep(POLL_MS);
  }
  return false;
}

/**
 * Finds the first event after `after` that reports the end of a switch in this direction. Later
 * ones belong to other commands. Undefined if another command replaced the switch, or it has not
 * ended.
 */
async function findEndEvent(where: Where, { system_id: id }: PowerShape, after: number, direction: 'on' | 'off') {
  const query = new URLSearchParams({ id, after: String(after), limit: String(EVENTS_MAX), level: 'DEBUG' });
  const { events } = eventsShape.parse(await askRegion(where, `/MAAS/api/2.0/events/?op=query&${query}`));
  const ends = [`Node powered ${direction}`, `Failed to power ${direction} node`];
  return events.findLast(({ type }) => ends.includes(type));
}

/**
 * Describes how a machine is switched now. @param config the configuration of this host, which may
 * lack a program that switches the machine
 */
export async function setText(config: string, answer: unknown): Promise<string> {
  const { power_type: type, ...machine } = powerShape.parse(answer);
  // A remote region switches it with its own programs. Imported late: the other commands need no schemas.
  const { isRegionElsewhere } = await import('../../config/load.ts');
  if (!isRegionElsewhere(config)) for (const line of missingProgramLines([type])) printError(line);
  return `${formatMachineTitle(machine)} is now switched by ${type === '' || type === 'manual' ? 'hand' : type}.`;
}

/** Encodes power parameters as the region reads them. */
export const encodedParameters = (parameters: readonly string[] = []): string =>
  JSON.stringify(Object.fromEntries(parameters.map(parseParameter)));

/** `name=value`, or `name@file` for the first line of a file. */
function parseParameter(text: string): readonly [string, string] {
  const [, name, separator, valueText = ''] = /^([a-z0-9_]{1,64})([=@])(.*)$/is.exec(text) ?? [];
  if (name === undefined) {
    throw new RackError('bad-argument', `${text.split('=', 1)[0]} is not a parameter: write name=value or name@file`);
  }
  return [name, separator === '@' ? (readGivenFile(valueText).toString('utf8').split('\n', 1)[0] ?? '') : valueText];
}
