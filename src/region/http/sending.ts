// Sends the answers of operations: short ones whole, desired states and lists in pieces, event
// streams as they come.
//
// 1. Every refusal carries its name in `X-Rackboot-Refusal`, under which it is counted.
// 2. A list goes out in pieces, as `lists.ts` cuts them.
// 3. JSON has one key a line, unless the client asks for JSON by name: then it is as short as it can be.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { STATE_CHANGES_IM } from '../../machines/desired-state.ts';
import type { DesiredState, RackMachine, StateChanges } from '../../machines/machine.ts';
import type { EventFollowing, ListToSend } from '../api/call/answer.ts';
import { type Answer, jsonText, refuse, renderRefusalBody } from '../api/call/answer.ts';
import { REFUSALS } from '../records/refusal.ts';
import type { EventFollowers } from './event-followers.ts';
import type { Lists } from './lists.ts';

/** Machines of a desired state that are rendered in one turn of the event loop. */
const STATE_CHUNK = 100;
const RETRY_SECONDS = 5;
export const RETRY_FIELD = { 'Retry-After': String(RETRY_SECONDS) };

export interface SendingDeps {
  readonly followers: EventFollowers;
  readonly lists: Lists;
}

/** True for a client that names JSON among the media types that it takes; MAAS's command and curl do not. */
const asksForJson = ({ request }: FastifyReply) => /\bapplication\/json\b/.test(request.headers.accept ?? '');

export async function sendAnswer(context: SendingDeps, reply: FastifyReply, answer: Answer): Promise<FastifyReply> {
  reply
    .header('Cache-Control', 'no-store')
    .header('X-Content-Type-Options', 'nosniff')
    .header('Vary', 'Authorization, Accept');
  switch (answer.kind) {
    case 'json':
      return reply
        .code(answer.status)
        .type('application/json')
        .send(Buffer.from(jsonText(answer.value, asksForJson(reply))));
    case 'text':
      return reply.type(answer.contentType).send(answer.text);
    case 'empty':
      return reply.code(204).send();
    case 'unchanged':
      reply.raw.removeHeader('Content-Type');
      return reply.code(304).header('ETag', answer.tag).send();
    case 'state':
      return sendState(reply, answer.tag, answer.state);
    case 'state-changes':
      reply.code(226).header('IM', STATE_CHANGES_IM);
      return sendState(reply, answer.tag, answer.changes);
    case 'follow':
      return sendFollowing(context, reply, answer.following);
    case 'list':
      return sendList(context, reply, answer);
    case 'refusal': {
      reply.code(REFUSALS[answer.name].status).header('X-Rackboot-Refusal', answer.name);
      for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value);
      const body = renderRefusalBody(answer);
      return typeof body === 'string'
        ? reply.type('text/plain; charset=utf-8').send(body)
        : reply.type('application/json').send(Buffer.from(jsonText(body, asksForJson(reply))));
    }
  }
}

function sendState(reply: FastifyReply, tag: string, state: DesiredState | StateChanges) {
  const { machines, ...rest } = state;
  const head = JSON.stringify(rest).slice(0, -1);
  reply.header('ETag', tag).type('application/json');
  return reply.send(Readable.from(renderStateText(`${head},"machines":[`, machines), { objectMode: false }));
}

async function* renderStateText(head: string, machines: readonly RackMachine[]): AsyncGenerator<Buffer> {
  yield Buffer.from(head);
  for (let start = 0; start < machines.length; start += STATE_CHUNK) {
    if (start > 0) await nextTurn();
    const texts = machines.slice(start, start + STATE_CHUNK).map(getMachineText);
    yield Buffer.from(`${start === 0 ? '' : ','}${texts.join(',')}`);
  }
  yield Buffer.from(']}');
}

/**
 * The text of each machine, made once: most machines go to every rack unchanged, and again after
 * each change of another machine.
 */
const machineTexts = new WeakMap<RackMachine, string>();

function getMachineText(machine: RackMachine) {
  let text = machineTexts.get(machine);
  if (text === undefined) {
    text = JSON.stringify(machine);
    machineTexts.set(machine, text);
  }
  return text;
}

async function sendFollowing(
  context: SendingDeps,
  reply: FastifyReply,
  following: EventFollowing,
): Promise<FastifyReply> {
  if (reply.request.method === 'HEAD') return reply.type('text/event-stream; charset=utf-8').send();
  if (!(await context.followers.open(reply.raw, following))) {
    return sendAnswer(
      context,
      reply,
      refuse(
        'followers-limit',
        'Too many clients follow the event log, and you have used your share: close one of yours, or read the log with op=query.',
      ),
    );
  }
  // From here on the stream owns the response.
  return reply.hijack();
}

async function sendList(context: SendingDeps, reply: FastifyReply, list: ListToSend): Promise<FastifyReply> {
  const sent = await context.lists.send(list, asksForJson(reply));
  switch (sent.kind) {
    case 'whole':
      return reply.type('application/json').send(sent.text);
    case 'stream':
      // Release the place at `close`, not at the end of the stream, which a HEAD request never reads.
      reply.raw.once('close', sent.release);
      return reply.type('application/json').send(sent.stream);
    case 'refused':
      return sendAnswer(
        context,
        reply,
        refuse(
          'lists-limit',
          'Too many long lists are being sent, and you have used your share: read one of yours to its end first.',
          RETRY_FIELD,
        ),
      );
  }
}
