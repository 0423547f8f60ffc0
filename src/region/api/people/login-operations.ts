// Operations for logins to machines that run the boot environment: open or close the debug login,
// and list the possible logins.

import { z } from 'zod';
import {
  closeDebugLogin,
  DEBUG_SECONDS,
  DEBUG_SECONDS_MAX,
  describeLogins,
  type LoginDescription,
  openDebugLogin,
} from '../../life/logins.ts';
import type { Machine } from '../../records/machine.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, json, refuseFor } from '../call/answer.ts';
import { type ApiCall, flagParameter, isTrue, nothing, type Operation, operation, value } from '../call/operation.ts';
import { comment, getUserActor, machinePaths, withMachine } from '../machines/machine-calls.ts';

const SECONDS = `Give a whole number of seconds from 1 to ${DEBUG_SECONDS_MAX}.`;

const debugParameters = z.object({
  comment,
  seconds: value(
    z.string().transform(Number).pipe(z.number(SECONDS).int(SECONDS).min(1, SECONDS).max(DEBUG_SECONDS_MAX, SECONDS)),
  )
    .optional()
    .describe(`For how long, 1 to ${DEBUG_SECONDS_MAX}. Default: ${DEBUG_SECONDS}.`),
  off: flagParameter('True: close it at once.'),
});

async function debugLogin(call: ApiCall, machine: Machine, input: z.output<typeof debugParameters>): Promise<Answer> {
  const { region } = call;
  const by = getUserActor(call, input.comment);
  const refusal = isTrue(input.off)
    ? await closeDebugLogin(region, machine, by)
    : await openDebugLogin(region, machine, by, input.seconds ?? DEBUG_SECONDS);
  return refusal === undefined ? await listLogins(call, {}) : refuseFor([refusal]);
}

const listLogins = withMachine(async ({ region }, machine) =>
  json((await describeLogins(region, machine)).map(loginJson)),
);

const loginJson = ({
  kind,
  ssh,
  isSimulated,
  hostKey,
  username,
  keys,
  secondsLeft,
}: LoginDescription): AnswerOf<'login'> => ({
  kind,
  ssh: ssh ?? null,
  simulated: isSimulated,
  host_key: hostKey ?? null,
  username,
  keys,
  seconds_left: secondsLeft ?? null,
});

const OPEN =
  'Open a debug login for a while: the SSH keys of the caller can log in to the machine while it is commissioned, tested, deployed ' +
  'or erased, and it stays on if that fails. Or close it. The answer lists the possible logins.';
const LIST = 'List how users can log in to the machine now: in rescue mode, and to debug.';

/** Login operations, in both versions. */
export const LOGIN_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap((version) => {
  const { one } = machinePaths(version);
  return [
    operation(one, 'POST debug_login', 'user', ['login'], OPEN, debugParameters, withMachine(debugLogin)),
    operation(one, 'GET logins', 'user', ['login'], LIST, nothing, listLogins),
  ];
});
