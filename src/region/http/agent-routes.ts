// What machines fetch and tell while they work: the agent itself, and `/MAAS/rackboot/1/{job,signal,scripts,ssh-keys,user-data}`.
//
// 1. The agent goes to whoever boots from a managed network; everything below `1/` only to the machine whose boot it is.
// 2. A machine that has shown whose boot it is has a rate of its own; before that it is a stranger at its address.
// 3. Who has not the token of a present boot is refused without a word of whether there is such a machine.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Answer, refuse } from '../api/answer.ts';
import type { Caller, Peer } from '../api/caller.ts';
import { parseBody } from '../api/form-body.ts';
import { chooseOrigin, originFactsOf } from '../api/origin.ts';
import type { BootProof } from '../identity/boot-token.ts';
import { MachineAgent } from '../life/machine-agent.ts';
import { SIGNAL_STATUSES } from '../life/signal.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import { workerRates } from '../rate-limit.ts';
import type { Machine } from '../records/machine.ts';
import type { Region } from '../region.ts';
import type { ScriptNews } from '../scripts/script-run.ts';

/** Of a script's output, in characters: as text, and in Base64. */
const OUTPUT_MAX = 64 * 1024;
const PIECE_MAX = 512 * 1024;

/** Who asks, when that is no refusal. */
export type Identified = { readonly kind: 'identified'; readonly peer: Peer; readonly caller: Caller };

/** What the routes take of their listener. */
export interface AgentListener {
  readonly region: Region;
  readonly metadata: MetadataService;
  /** The agent, and the preseed that has an installer run it; undefined: not part of this installation. */
  readonly agent: string | undefined;
  /** The scripts by which the agent does more than to report, by their file names. */
  readonly parts: ReadonlyMap<string, string>;
  readonly preseed: string | undefined;
  identify(request: FastifyRequest): Identified | Answer;
  /** The request that was identified last is no stranger's: it counts by its machine only. */
  giveBack(peer: Peer): void;
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
  host_key: z.string().max(128).optional(),
  script_id: count,
  ended: z.enum(['exited', 'timed-out', 'skipped']).optional(),
  offset: count,
  output_base64: z.string().max(PIECE_MAX).optional(),
});

const scriptPath = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

/** To whoever is not a machine at its work. */
export const NOT_THIS_BOOT = refuse(
  'not-this-boot',
  'This is for a machine at work, with the token of its boot and at its address: start the machine again.',
);

const TOO_OFTEN = refuse('rate-limit', 'This machine asks too often: wait a little.', { 'Retry-After': '5' });

const text = (lines: string): Answer => ({ kind: 'text', text: lines, contentType: 'text/plain; charset=utf-8' });

/** What is answered to a machine that has shown whose boot it is. */
type WorkerAnswer = (machine: Machine, request: FastifyRequest, peer: Peer) => Answer;
/** Makes a handler of that. */
type ForWorker = (answer: WorkerAnswer) => (request: FastifyRequest, reply: FastifyReply) => FastifyReply;

/** Adds the routes of the agent to an instance. */
export function addAgentRoutes(app: FastifyInstance, listener: AgentListener): void {
  const { region, metadata, send } = listener;
  const work = new MachineAgent(region.store, region.clock, region.life, region.racks);
  addAgentFiles(app, listener);
  const workers = workerRates();
  const isTooMuch = ({ systemId }: Machine, peer: Peer): boolean => {
    listener.giveBack(peer);
    return !workers.of(peer.rackUuid).allows(systemId, region.clock.now(), peer.share);
  };
  const toWorker = (peer: Peer, request: FastifyRequest, reply: FastifyReply, answer: WorkerAnswer): FastifyReply => {
    const machine = work.findWorker(proofOf(peer));
    if (machine === undefined) return send(reply, NOT_THIS_BOOT);
    return send(reply, isTooMuch(machine, peer) ? TOO_OFTEN : answer(machine, request, peer));
  };
  const forWorker: ForWorker = (answer) => (request, reply) => {
    const who = listener.identify(request);
    return who.kind === 'identified' ? toWorker(who.peer, request, reply, answer) : send(reply, who);
  };
  app.get('/MAAS/rackboot/1/job', async (request, reply) => {
    const who = listener.identify(request);
    if (who.kind !== 'identified') return send(reply, who);
    // Known before the machine is: whether something answers at the rack's port is asked of the network.
    const surroundings = await metadata.surroundings(originOf(request, who.peer, region));
    return toWorker(who.peer, request, reply, (machine) => text(work.job(machine, surroundings)));
  });
  app.get(
    '/MAAS/rackboot/1/cloud-config',
    forWorker((machine, request, peer) =>
      text(metadata.preseeds.cloudConfig(machine, { origin: originOf(request, peer, region), httpProxy: '' })),
    ),
  );
  // A machine that has failed, and that people debug, is at work no more, but its boot is the one that they know.
  const forBoot = (answer: (machine: Machine, isWanted: boolean) => string | undefined) => {
    return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const who = listener.identify(request);
      if (who.kind !== 'identified') return send(reply, who);
      const proof = proofOf(who.peer);
      const worker = work.findWorker(proof);
      const machine = worker ?? work.findDebugged(proof);
      if (machine === undefined) return send(reply, NOT_THIS_BOOT);
      if (isTooMuch(machine, who.peer)) return send(reply, TOO_OFTEN);
      const lines = answer(machine, worker !== undefined);
      return send(reply, lines === undefined ? NOT_THIS_BOOT : text(lines));
    };
  };
  app.get(
    '/MAAS/rackboot/1/watch',
    forBoot((machine, isWanted) => work.watch(machine, isWanted)),
  );
  app.get(
    '/MAAS/rackboot/1/debug-keys',
    forBoot((machine) => work.debugKeys(machine)),
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
  addScriptRoutes(app, work, forWorker);
  addSignalRoute(app, listener, work, isTooMuch);
}

/** How a machine tells what comes of its work. */
function addSignalRoute(
  app: FastifyInstance,
  { identify, send }: AgentListener,
  work: MachineAgent,
  isTooMuch: (machine: Machine, peer: Peer) => boolean,
): void {
  app.post('/MAAS/rackboot/1/signal', async (request, reply) => {
    const who = identify(request);
    if (who.kind !== 'identified') return send(reply, who);
    const machine = work.findWorker(proofOf(who.peer));
    if (machine !== undefined && isTooMuch(machine, who.peer)) return send(reply, TOO_OFTEN);
    const answer = takeSignal(work, who.peer, request);
    // It may start again as soon as it is answered.
    if (machine !== undefined) await work.racksKnow(machine);
    return send(reply, answer);
  });
}

/** The agent, its parts, and the preseed that has an installer run it. */
function addAgentFiles(app: FastifyInstance, listener: AgentListener): void {
  const { agent, parts, preseed } = listener;
  app.get('/MAAS/rackboot/agent.sh', (request, reply) => sendAgent(listener, request, reply, agent, 'x-shellscript'));
  for (const [name, part] of parts) {
    app.get(`/MAAS/rackboot/${name}`, (request, reply) => sendAgent(listener, request, reply, part, 'x-shellscript'));
  }
  app.get('/MAAS/rackboot/enlist.preseed', (request, reply) => sendAgent(listener, request, reply, preseed, 'plain'));
}

/** What a machine that is commissioned or tested fetches. */
function addScriptRoutes(app: FastifyInstance, work: MachineAgent, forWorker: ForWorker): void {
  app.get(
    '/MAAS/rackboot/1/scripts',
    forWorker((machine) => text(work.scripts.begin(machine))),
  );
  app.get(
    '/MAAS/rackboot/1/scripts/:id',
    forWorker((machine, { params }) => {
      const { success, data } = scriptPath.safeParse(params);
      const content = success ? work.scripts.content(machine, data.id) : undefined;
      return content === undefined
        ? refuse('not-found', 'This machine has no such script to run: it was removed, or the run is another one.')
        : text(content);
    }),
  );
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
  const { status, stage, message, script, output, exit_status: exitStatus } = checked.data;
  const { done_bytes: doneBytes, total_bytes: totalBytes, host_key: hostKey } = checked.data;
  const news = newsOf(checked.data);
  const told = { status, stage, message, script, output, exitStatus, doneBytes, totalBytes, hostKey, news };
  const isTaken = work.signal(proofOf(peer), told);
  return isTaken ? { kind: 'text', text: 'OK', contentType: 'text/plain; charset=utf-8' } : NOT_THIS_BOOT;
}

/** What a signal tells of one script; undefined: nothing. */
function newsOf(given: z.output<typeof signalFields>): ScriptNews | undefined {
  const { script_id: id, ended, exit_status: exitStatus, offset, output_base64: base64 } = given;
  if (id === undefined) return undefined;
  const piece =
    offset === undefined || base64 === undefined ? {} : { piece: { offset, bytes: Buffer.from(base64, 'base64') } };
  return { id, ended, exitStatus, ...piece };
}

/** By what a caller shows which boot it is. */
export const proofOf = ({ bootToken, vouchedMac, ipv4 }: Peer): BootProof => ({
  token: bootToken,
  vouchedMac,
  address: ipv4,
});

/** As the machine reaches us: what its URLs begin with. */
export const originOf = (request: FastifyRequest, peer: Peer, region: Region): string =>
  chooseOrigin(originFactsOf(request, peer), region.config(), region.racks);

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
