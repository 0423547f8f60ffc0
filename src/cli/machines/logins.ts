// `rackboot machines rescue`, `debug-login` and `logins`: log in to a machine that runs the
// ephemeral environment.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { sleep, systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { parseDuration } from '../terminal/duration.ts';
import { print } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { findMachine, type MachineArguments } from './identity.ts';

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

/** Starts rescue mode, and prints how to log in. @throws RackError if the region refuses */
export async function rescueMachine(argv: MachineArguments & { readonly wait: boolean }): Promise<number> {
  const { system_id: id } = await findMachine(argv, argv.machine);
  const path = `${MACHINES_PATH}${id}/`;
  let machine = await askRegion(argv, `${path}?op=rescue_mode`, 'POST', { comment: argv.comment });
  if (argv.wait) machine = await waitForLogin(argv, path);
  const logins = await askRegion(argv, `${path}?op=logins`);
  return printAnswer(argv, { machine, logins }, () => {
    const { fqdn, status_name: status, status_message: message } = machineShape.parse(machine);
    print(`${fqdn} (${id}) is ${status} now${message ? `: ${message}` : ''}.`);
    const parsed = loginsShape.parse(logins);
    for (const login of parsed) print(formatLogin(login));
    if (!argv.wait && parsed.some(({ simulated }) => simulated !== true))
      print(`\`rackboot machines logins ${argv.machine}\` shows the host key once the machine has started.`);
  });
}

/** Formats a line for each login; empty if there is none. */
export const loginsText = (answer: unknown): string => loginsShape.parse(answer).map(formatLogin).join('\n');

export const parseSeconds = (time: string): number => parseDuration(time, '--for');

/** @throws RackError `bad-argument` if the machine failed or took too long */
async function waitForLogin(where: Where, path: string): Promise<unknown> {
  const startedAt = systemClock.now();
  let printedState = '';
  for (;;) {
    const machine = await askRegion(where, path);
    const { fqdn, status_name: status, status_message: message } = machineShape.parse(machine);
    const stateText = `${fqdn} is ${status}${message ? `: ${message}` : ''}`;
    if (status === 'Rescue mode') return machine;
    if (status !== 'Entering rescue mode') throw new RackError('bad-argument', stateText);
    if (systemClock.now() - startedAt > WAIT_MS_MAX)
      throw new RackError(
        'bad-argument',
        `${stateText}; rescue mode did not start within ${WAIT_MS_MAX / 60_000} minutes`,
      );
    if (stateText !== printedState && where.json !== true) print(`${stateText}.`);
    printedState = stateText;
    await sleep(WAIT_MS);
  }
}

function formatLogin({
  kind,
  ssh,
  simulated,
  host_key: hostKey,
  username,
  keys,
  seconds_left: secondsLeft,
}: Login): string {
  const loginText =
    simulated === true ? 'no login: the machine is simulated' : (ssh ?? 'ssh root@ADDRESS (not known yet)');
  const hostKeyText = hostKey === null ? '; not possible until the machine has booted for it' : `; host key ${hostKey}`;
  // A simulated machine has no host key, whatever it boots.
  const state = simulated === true ? '' : hostKeyText;
  const durationText = secondsLeft === null ? '' : `, for ${counted(Math.ceil(secondsLeft / 60), 'minute')}`;
  return `${kind === 'rescue' ? 'Rescue' : 'Debug'}: ${loginText}  (the ${keys === 1 ? 'key' : counted(keys, 'key')} of ${username}${durationText}${state})`;
}
