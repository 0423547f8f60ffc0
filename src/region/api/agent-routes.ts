// What machines fetch and tell while they work: the agent itself, and `/MAAS/rackboot/1/{job,signal,ssh-keys,user-data}`.
//
// 1. The agent goes to whoever boots from a managed network; everything below `1/` only to the machine whose boot it is.
// 2. Who has not the token of a present boot is refused without a word of whether there is such a machine.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { BootProof } from '../boot-token.ts';
import type { Machine } from '../machine.ts';
import { MachineAgent } from '../machine-agent.ts';
import type { Region } from '../region.ts';
import { SIGNAL_STATUSES } from '../signal.ts';
import { type Answer, refuse } from './answer.ts';
import type { Caller, Peer } from './caller.ts';
import { parseBody } from './form-body.ts';

/** Of a script's output, in characters. */
const OUTPUT_MAX = 64 * 1024;

/** Who asks, when that is no refusal. */
export type Identified = { readonly kind: 'identified'; readonly peer: Peer; readonly caller: Caller };

/** What the routes take of their listener. */
export interface AgentListener {
  readonly region: Region;
  /** The agent, and the preseed that has an installer run it; undefined: not part of this installation. */
  readonly agent: string | undefined;
  /** What the agent does beyond the report; undefined: not part of this installation. */
  readonly job: string | undefined;
  readonly preseed: string | undefined;
  identify(request: FastifyRequest): Identified | Answer;
  send(reply: FastifyReply, answer: Answer): FastifyReply;
}

const count = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional();
const signalFields = z.object({
  status: z.enum(SIGNAL_STATUSES),
  stage: z.string().max(64).default(''),
  message: z.string().max(4096).default(''),
  done_bytes: count,
  total_bytes: count,
  script: z.string().max(128).optional(),
  exit_status: z.coerce.number().int().min(-1).max(255).optional(),
  output: z.string().max(OUTPUT_MAX).optional(),
});

const NOT_THIS_BOOT = refuse(
  'not-this-boot',
  'This is for a machine at work, with the token of its boot and at its address: start the machine again.',
);

/** Adds the routes of the agent to an instance. */
export function addAgentRoutes(app: FastifyInstance, listener: AgentListener): void {
  const { region, agent, job, preseed, send } = listener;
  const work = new MachineAgent(region.store, region.clock, region.life, region.racks);
  app.get('/MAAS/rackboot/agent.sh', (request, reply) => sendAgent(listener, request, reply, agent, 'x-shellscript'));
  app.get('/MAAS/rackboot/job.sh', (request, reply) => sendAgent(listener, request, reply, job, 'x-shellscript'));
  app.get('/MAAS/rackboot/enlist.preseed', (request, reply) => sendAgent(listener, request, reply, preseed, 'plain'));
  const forWorker = (answer: (machine: Machine, request: FastifyRequest) => Answer) => {
    return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const who = listener.identify(request);
      if (who.kind !== 'identified') return send(reply, who);
      const machine = work.findWorker(proofOf(who.peer));
      return send(reply, machine === undefined ? NOT_THIS_BOOT : answer(machine, request));
    };
  };
  const text = (lines: string): Answer => ({ kind: 'text', text: lines, contentType: 'text/plain; charset=utf-8' });
  app.get(
    '/MAAS/rackboot/1/job',
    forWorker((machine, request) => text(work.job(machine, originOf(request)))),
  );
  app.get(
    '/MAAS/rackboot/1/ssh-keys',
    forWorker((machine) => text(work.sshKeys(machine))),
  );
  app.get(
    '/MAAS/rackboot/1/user-data',
    forWorker((machine) => {
      const data = work.userData(machine);
      if (data === undefined) return refuse('not-found', 'This machine was given no user data.');
      return { kind: 'text', text: Buffer.from(data), contentType: 'application/octet-stream' };
    }),
  );
  app.post('/MAAS/rackboot/1/signal', (request, reply) => {
    const who = listener.identify(request);
    return send(reply, who.kind === 'identified' ? takeSignal(work, who.peer, request) : who);
  });
}

function takeSignal(work: MachineAgent, peer: Peer, request: FastifyRequest): Answer {
  const body = parseBody(
    request.headers['content-type'] ?? '',
    Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
  );
  if (body.kind === 'fault') return refuse(body.name, body.text);
  const given = Object.fromEntries([...body.fields].map(([name, list]) => [name, list.at(-1) || undefined]));
  const checked = signalFields.safeParse(given);
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }): [string, string[]] => [path.join('.'), [message]]);
    return refuse('invalid-parameters', Object.fromEntries(problems));
  }
  const { done_bytes: doneBytes, total_bytes: totalBytes, exit_status: exitStatus, ...rest } = checked.data;
  const isTaken = work.signal(proofOf(peer), { ...rest, doneBytes, totalBytes, exitStatus });
  return isTaken ? { kind: 'text', text: 'OK', contentType: 'text/plain; charset=utf-8' } : NOT_THIS_BOOT;
}

const proofOf = ({ bootToken, vouchedMac, ipv4 }: Peer): BootProof => ({ token: bootToken, vouchedMac, address: ipv4 });

/** As the machine reaches us: by the name that it used itself. */
function originOf(request: FastifyRequest): string {
  const host = request.headers.host ?? '';
  return /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `${request.protocol}://${host}` : '';
}

/** The agent, or the preseed that has an installer run it: `text`. */
function sendAgent(
  { identify, send }: AgentListener,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string | undefined,
  subtype: 'x-shellscript' | 'plain',
): FastifyReply {
  const who = identify(request);
  if (who.kind !== 'identified') return send(reply, who);
  if (!who.peer.isManaged && who.caller.kind === 'anonymous') {
    const reason = `${who.peer.address} is in none of the managed networks: machines enlist from those only.`;
    return send(reply, refuse('not-from-here', reason));
  }
  if (text === undefined) {
    return send(reply, refuse('not-found', 'The enlistment agent is not part of this installation.'));
  }
  return reply.type(`text/${subtype}; charset=utf-8`).header('Cache-Control', 'no-store').send(text);
}
