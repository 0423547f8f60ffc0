// The driver for machines that a program of the operator's switches: a smart plug, a hypervisor, a
// controller for which there is no driver.
//
//   PROGRAM on | off | soft-off | query | netboot
//
// Sources: sysexits.h for the exit statuses.
//
// 1. A program comes from DIRECTORY, where only root writes, or from those that Rackboot brings. It
//    runs as the daemon's own user.
// 2. It gets the parameters as variables of its environment, never as arguments, which every user
//    can see.
// 3. Only what it prints for `query`, `on` or `off`, is a state. It may be killed at any time; then
//    it is unknown whether a change was made.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isExecutable } from '../files/executable.ts';
import { type ConnectOptions, defineDriver, type PowerPort, STEP_MS_MAX } from './driver.ts';
import {
  cleanWords,
  endedByItself,
  judgeEnd,
  outcome,
  type PowerOutcome,
  type PowerOutcomeKind,
  programFailure,
  programOutput,
  withSaid,
} from './outcome.ts';
import { secret } from './parameters.ts';
import { runProgram } from './program.ts';

/** Where an operator puts programs. */
const DIRECTORY = '/etc/rackboot/power';
/** The programs that Rackboot brings. */
const OWN_DIRECTORY = join(import.meta.dirname, 'programs');

/** The exit statuses of failures that are no refusals: EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM. */
const STATUSES: Readonly<Record<number, PowerOutcomeKind>> = {
  69: 'unreachable',
  75: 'unreachable',
  77: 'wrong-credentials',
};

const WRITABLE_BY_OTHERS = 0o022;

const value = () => z.string().regex(/^[^\p{Cc}]{1,512}$/u);

const schema = z.strictObject({
  power_command: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/),
  power_address: value().optional(),
  power_user: value().optional(),
  power_pass: secret(value().optional()),
  power_id: value().optional(),
});
export type CommandParameter = keyof z.infer<typeof schema>;

type Action = 'on' | 'off' | 'soft-off' | 'query' | 'netboot';

/** The driver `command`. */
export const commandDriver = defineDriver({
  name: 'command',
  switches: 'on-and-off',
  parameters: schema,
  connect: openCommand,
});

function openCommand({ machine, settings, secrets, deps }: ConnectOptions<typeof schema>): PowerPort {
  const { power_command: name, power_address: address = '', power_id: id = '' } = settings;
  const directory = deps.programs ?? DIRECTORY;
  const environment = {
    POWER_MACHINE: machine,
    POWER_ADDRESS: address,
    POWER_USER: settings.power_user ?? '',
    POWER_PASS: settings.power_pass ?? '',
    POWER_ID: id,
    POWER_KEYS: directory,
  };
  const run = async (action: Action, signal: AbortSignal): Promise<PowerOutcome> => {
    const program = findProgram(name, directory);
    if ('code' in program) return outcome('refused', program);
    const { clock } = deps;
    const end = await runProgram(program.path, [action], { clock, signal, timeMs: STEP_MS_MAX, environment });
    const said = cleanWords(programOutput(end), secrets);
    if (!endedByItself(end)) return judgeEnd(name, end, said, action === 'query' ? 'unreachable' : 'unknown');
    if (end.code !== 0) return outcome(STATUSES[end.code] ?? 'refused', programFailure(name, end.code, said));
    const [word = ''] = end.out.trim().split(/\s/, 1);
    const detail = { code: 'acknowledged', params: { said: '' } } as const;
    if (action !== 'query') return withSaid(outcome('done', detail), said);
    return word === 'on' || word === 'off'
      ? outcome('done', detail, word)
      : withSaid(outcome('done', { code: 'no-state', params: { said: '' } }), said);
  };
  return {
    controller: `${name} ${address === '' ? machine : address}`,
    on: (signal) => run('on', signal),
    off: (manner, signal) => run(manner === 'soft' ? 'soft-off' : 'off', signal),
    query: (signal) => run('query', signal),
    netboot: (signal) => run('netboot', signal),
  };
}

type Found =
  | { readonly path: string }
  | { readonly code: 'no-power-program' | 'power-program-open'; readonly params: { readonly path: string } };

/** The operator's program of this name, or else Rackboot's. */
function findProgram(name: string, directory: string): Found {
  const path = join(directory, name);
  const own = join(OWN_DIRECTORY, name);
  if (!existsSync(path) && isExecutable(own)) return { path: own };
  if (!isExecutable(path)) return { code: 'no-power-program', params: { path } };
  const isOpen = [directory, path].some((place) => {
    const { uid, mode } = statSync(place);
    return uid !== 0 || (mode & WRITABLE_BY_OTHERS) !== 0;
  });
  return isOpen ? { code: 'power-program-open', params: { path } } : { path };
}
