// The control socket's access to the outbox of a rack with a remote region, for `rackboot outbox`.
//
// 1. Neither the body nor the boot token of a machine's post is shown: both may hold secrets.

import { RackError } from '../../errors.ts';
import type { ControlAnswers } from '../../http/control/requests.ts';
import type { OutboxRefusal } from '../../uplink/messages.ts';
import type { OutboxCommand } from '../../uplink/outbox-store.ts';
import type { RackUplink } from '../../uplink/rack-uplink.ts';

/** `GET /outbox` lists; `POST /outbox?retry=ID` and `?drop=ID` handle one dead letter and list the remaining ones. */
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
  throw new RackError('bad-argument', 'use retry=ID or drop=ID');
}

async function handle(uplink: RackUplink | undefined, command: OutboxCommand): Promise<unknown> {
  if (uplink?.status().mode !== 'remote')
    throw new RackError('not-found', "this rack's region is embedded: there is no outbox");
  const answer = await uplink.handleOutbox(command);
  if (answer === undefined)
    throw new RackError('store-unavailable', 'the outbox did not answer: see rackboot status, and try again');
  if (answer.refusal !== undefined) throw refused(answer.refusal);
  return answer;
}

const refused = (refusal: OutboxRefusal): RackError =>
  refusal.kind === 'failed'
    ? new RackError('not-found', refusal.said)
    : new RackError('not-found', `there is no dead letter ${refusal.deadLetter}; rackboot outbox --dead shows all`);
