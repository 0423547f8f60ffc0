// What the control socket answers of the outbox of a rack whose region is remote: for `rackboot outbox`.
//
// 1. Of a machine's post neither the body nor the token of its boot is shown: both may hold secrets.

import { RackError } from '../../errors.ts';
import type { ControlAnswers } from '../../http/control.ts';
import type { OutboxCommand } from '../../uplink/outbox-store.ts';
import type { RackUplink } from '../../uplink/rack-uplink.ts';

/** `GET /outbox` lists; `POST /outbox?retry=ID` and `?drop=ID` handle one dead letter and list what is left. */
export function outboxAnswers(uplink: () => RackUplink | undefined): ControlAnswers {
  return {
    '/outbox': () => handle(uplink(), { action: 'list' }),
    'POST /outbox': ({ query }) => handle(uplink(), commandOf(query)),
  };
}

function commandOf(query: URLSearchParams): OutboxCommand {
  for (const action of ['retry', 'drop'] as const) {
    const text = query.get(action);
    if (text === null) continue;
    if (!/^\d{1,15}$/.test(text)) throw new RackError('bad-argument', `${text} is not the number of a dead letter`);
    return { action, deadLetter: Number(text) };
  }
  throw new RackError('bad-argument', 'say retry=ID or drop=ID');
}

async function handle(uplink: RackUplink | undefined, command: OutboxCommand): Promise<unknown> {
  if (uplink?.status().mode !== 'remote')
    throw new RackError('not-found', 'this rack has its region inside: there is no outbox');
  const answer = await uplink.handleOutbox(command);
  if (answer === undefined)
    throw new RackError('store-unavailable', 'the outbox does not answer: try again, and see rackboot status');
  if (answer.refusal !== undefined) throw new RackError('not-found', answer.refusal);
  return answer;
}
