// Operations for logins to machines that run the boot environment: open or close the debug login, and list the possible logins.

import { z } from 'zod';
import type { Actor } from '../life/commands.ts';
import {
  closeDebugLogin,
  DEBUG_SECONDS,
  DEBUG_SECONDS_MAX,
  describeLogins,
  type LoginDescription,
  openDebugLogin,
} from '../life/logins.ts';
import { cleanWords } from '../records/text-json.ts';
import { type Answer, json, NO_MACHINE, refuseField, refuseFor } from './answer.ts';
import { type ApiCall, defineOperation, type Operation, value } from './operation.ts';

const COMMENT_MAX = 255;

const debugParameters = z.object({
  comment: value(z.string().max(4096)).optional().describe('Why, for the event log.'),
  seconds: value(z.string().max(16))
    .optional()
    .describe(`For how long, 1 to ${DEBUG_SECONDS_MAX}. Default: ${DEBUG_SECONDS}.`),
  off: value(z.string().max(16)).optional().describe('True: close it at once.'),
});

function debugLogin(call: ApiCall, given: z.output<typeof debugParameters>): Answer {
  const { region, caller } = call;
  const machine = region.store.findMachine(call.path.system_id ?? '');
  if (machine === undefined) return NO_MACHINE;
  const seconds = Number(given.seconds || DEBUG_SECONDS);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > DEBUG_SECONDS_MAX)
    return refuseField('seconds', 'field.debug-seconds', { max: DEBUG_SECONDS_MAX });
  const isUser = caller.kind === 'user';
  const by: Actor = {
    username: isUser ? caller.username : '',
    isAdmin: isUser && caller.isAdmin,
    comment: cleanWords(given.comment ?? '', COMMENT_MAX),
  };
  const closes = /^(?:1|true|yes|on)$/i.test(given.off ?? '');
  const refusal = closes ? closeDebugLogin(region, machine, by) : openDebugLogin(region, machine, by, seconds);
  return refusal === undefined ? listLogins(call) : refuseFor([refusal]);
}

function listLogins({ region, path }: ApiCall): Answer {
  const machine = region.store.findMachine(path.system_id ?? '');
  return machine === undefined ? NO_MACHINE : json(describeLogins(region, machine).map(loginJson));
}

const loginJson = ({ kind, ssh, isSimulated, hostKey, username, keys, secondsLeft }: LoginDescription) => ({
  kind,
  ssh: ssh ?? null,
  simulated: isSimulated,
  host_key: hostKey ?? null,
  username,
  keys,
  seconds_left: secondsLeft ?? null,
});

/** Login operations, in both versions. */
export const LOGIN_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap((version) => {
  const place = {
    versions: [version],
    path: version === '1.0' ? 'nodes/{system_id}' : 'machines/{system_id}',
    handler: version === '1.0' ? 'NodeHandler' : 'MachineHandler',
    access: 'user',
  } as const;
  return [
    defineOperation({
      ...place,
      method: 'POST',
      op: 'debug_login',
      doc:
        'Open a debug login for a while: the SSH keys of the caller can log in to the machine while it is commissioned, tested, deployed ' +
        'or erased, and it stays on if that fails. Or close it. The answer lists the possible logins.',
      parameters: debugParameters,
      run: debugLogin,
    }),
    defineOperation({
      ...place,
      method: 'GET',
      op: 'logins',
      doc: 'List how users can log in to the machine now: in rescue mode, and to debug.',
      parameters: z.object({}),
      run: listLogins,
    }),
  ];
});
