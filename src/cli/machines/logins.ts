// `rackboot machines rescue`, `debug-login` and `logins`: log in to a machine that runs the ephemeral environment.

import { z } from 'zod';
import { sleep, systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { parseDuration } from '../terminal/duration.ts';
import { print, printJson } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { findMachine } from './identity.ts';

const WAIT_MS = 2000;
/** The longest that a machine may take to enter rescue mode. */
const WAIT_MS_MAX = 30 * 60_000;

const loginsShape = z.array(
  z.object({
    kind: z.string(),
    ssh: z.string().nullable(),
    simulated: z.boolean().optional(),
    host_key: z.string().nullable(),
    username: z.string(),
    keys: z.number(),
    seconds_left: z.number().nullable(),
  }),
);
type Login = z.output<typeof loginsShape>[number];

interface LoginArguments {
  readonly config: string;
  readonly json: boolean;
  readonly machine: string;
  readonly comment?: string | undefined;
}

/** Boots a machine into rescue mode, and prints how to log in. @returns 0 @throws RackError if the region refuses */
export async function rescueMachine(argv: LoginArguments & { readonly wait: boolean }): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const { system_id: id } = await findMachine(stateDir, argv.machine);
  const path = `${MACHINES_PATH}${id}/`;
  const form = new URLSearchParams(argv.comment === undefined ? {} : { comment: argv.comment });
  let machine = await askDaemon(stateDir, `${path}?op=rescue_mode`, 'POST', form.toString());
  if (argv.wait) machine = await waitForLogin(stateDir, path, argv.json);
  const logins = await askDaemon(stateDir, `${path}?op=logins`);
  if (argv.json) printJson({ machine, logins });
  else {
    const { fqdn, status_name: status, status_message: message } = machineShape.parse(machine);
    print(`${fqdn} (${id}) is ${status} now${message ? `: ${message}` : ''}.`);
    const shown = loginsShape.parse(logins);
    for (const login of shown) print(lineOf(login));
    if (!argv.wait && shown.some(({ simulated }) => simulated !== true))
      print(`\`rackboot machines logins ${argv.machine}\` shows the host key once the machine has started.`);
  }
  return 0;
}

/** Shows how to log in to a machine. @returns 0 @throws RackError `not-found` */
export async function listLogins(argv: LoginArguments): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const machine = await findMachine(stateDir, argv.machine);
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}${machine.system_id}/?op=logins`);
  const logins = loginsShape.parse(raw);
  if (argv.json) printJson(raw);
  else if (logins.length === 0) print(`${machine.fqdn} is not in rescue mode and has no debug login.`);
  else for (const login of logins) print(lineOf(login));
  return 0;
}

/** Waits until a machine is in rescue mode. @throws RackError `bad-argument` if it failed or took too long */
async function waitForLogin(stateDir: string, path: string, isQuiet: boolean): Promise<unknown> {
  const began = systemClock.now();
  let said = '';
  for (;;) {
    const machine = await askDaemon(stateDir, path);
    const { fqdn, status_name: status, status_message: message } = machineShape.parse(machine);
    const now = `${fqdn} is ${status}${message ? `: ${message}` : ''}`;
    if (status === 'Rescue mode') return machine;
    if (status !== 'Entering rescue mode') throw new RackError('bad-argument', now);
    if (systemClock.now() - began > WAIT_MS_MAX)
      throw new RackError('bad-argument', `${now}; rescue mode did not start within ${WAIT_MS_MAX / 60_000} minutes`);
    if (now !== said && !isQuiet) print(`${now}.`);
    said = now;
    await sleep(WAIT_MS);
  }
}

/** Starts or ends a debug login. @returns 0 @throws RackError if the region refuses */
export async function debugLogin(
  argv: LoginArguments & { readonly for?: string | undefined; readonly off: boolean },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const machine = await findMachine(stateDir, argv.machine);
  const form = new URLSearchParams({ off: String(argv.off) });
  if (argv.for !== undefined) form.set('seconds', String(parseDuration(argv.for, '--for')));
  if (argv.comment !== undefined) form.set('comment', argv.comment);
  const path = `${MACHINES_PATH}${machine.system_id}/?op=debug_login`;
  const raw = await askDaemon(stateDir, path, 'POST', form.toString());
  if (argv.json) printJson(raw);
  else if (argv.off) print(`The debug login of ${machine.fqdn} has ended.`);
  else for (const login of loginsShape.parse(raw)) print(lineOf(login));
  return 0;
}

function lineOf({ kind, ssh, simulated, host_key: hostKey, username, keys, seconds_left: left }: Login): string {
  const place = simulated === true ? 'no login: the machine is simulated' : (ssh ?? 'ssh root@ADDRESS (not known yet)');
  const booted = hostKey === null ? '; not possible until the machine has booted for it' : `; host key ${hostKey}`;
  // A simulated machine has no host key, whatever it boots.
  const state = simulated === true ? '' : booted;
  const until = left === null ? '' : `, for ${counted(Math.ceil(left / 60), 'minute')}`;
  return `${kind === 'rescue' ? 'Rescue' : 'Debug'}: ${place}  (the ${keys === 1 ? 'key' : counted(keys, 'key')} of ${username}${until}${state})`;
}
