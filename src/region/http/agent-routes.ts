// The routes of machines at work: the agent itself, and
// `/MAAS/rackboot/1/{job,signal,scripts,ssh-keys,network,user-data}`.
//
// 1. Any machine in a managed network gets the agent; everything below `1/` is only for a machine
//    that proves its boot.
// 2. A machine that has proved its boot has its own rate; before that it counts as a stranger at its address.
// 3. A caller without the token of a current boot does not learn whether such a machine exists.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type Answer,
  groupIssuesByField,
  plainText,
  refuse,
  refuseFields,
  refuseFor,
  refuseUnmanaged,
} from '../api/call/answer.ts';
import type { Caller, Peer } from '../api/call/caller.ts';
import type { BootProof } from '../identity/boot-token.ts';
import { MachineAgent } from '../life/machine-agent.ts';
import { SIGNAL_STATUSES } from '../life/signal.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import type { Machine } from '../records/machine.ts';
import type { Region } from '../region.ts';
import { OFFSET_MAX } from '../scripts/script-output.ts';
import type { ScriptNews } from '../scripts/script-run.ts';
import { workerRates } from '../shares/request-rates.ts';
import { chooseOrigin, readOriginFacts } from './origin.ts';
import { parseRequestForm } from './request-form.ts';

/** Longest script output in one signal, in characters: as text, and in Base64. */
const OUTPUT_MAX = 64 * 1024;
const PIECE_MAX = 512 * 1024;

export type Identified = { readonly kind: 'identified'; readonly peer: Peer; readonly caller: Caller };

interface AgentListener {
  readonly region: Region;
  readonly metadata: MetadataService;
  /** The agent, and the preseed that makes an installer run it; `undefined` if not installed. */
  readonly agent: string | undefined;
  readonly parts: ReadonlyMap<string, string>;
  readonly preseed: string | undefined;
  identify(request: FastifyRequest): Promise<Identified | Answer>;
  /** Refunds the last identified request to the rate of strangers: it counts only for its machine. */
  giveBack(peer: Peer): void;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
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
  offset: z.coerce.number().int().min(0).max(OFFSET_MAX).optional(),
  output_base64: z.string().max(PIECE_MAX).optional(),
});

/**
 * The tool that reads the files, and how the machine gets its fixed addresses: written in the
 * files, or leased.
 */
const networkPath = z.object({ tool: z.string().max(16), addresses: z.enum(['fixed', 'leased']) });
const scriptPath = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

export const NOT_THIS_BOOT = refuse(
  'not-this-boot',
  'Only a machine at work may do this, with the token of its boot and from its address: start the machine again, unless its work was ended on purpose.',
);

export const TOO_OFTEN = refuse('rate-limit', 'This machine sends too many requests: wait a little.', {
  'Retry-After': '5',
});

type WorkerAnswer = (machine: Machine, request: FastifyRequest, peer: Peer) => Answer | Promise<Answer>;
type ForWorker = (answer: WorkerAnswer) => (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

export function addAgentRoutes(app: FastifyInstance, listener: AgentListener): void {
  const { region, metadata, send } = listener;
  const work = new MachineAgent(region);
  addAgentFiles(app, listener);
  const workers = workerRates();
  const isTooMuch = ({ systemId }: Machine, peer: Peer) => {
    listener.giveBack(peer);
    return !workers.of(peer.rackUuid).allows(systemId, region.clock.now(), peer.share);
  };
  const forWorker: ForWorker = (answer) => async (request, reply) => {
    const who = await listener.identify(request);
    if (who.kind !== 'identified') return send(reply, who);
    const machine = await work.findWorker(pickBootProof(who.peer));
    if (machine === undefined) return send(reply, NOT_THIS_BOOT);
    return send(reply, isTooMuch(machine, who.peer) ? TOO_OFTEN : await answer(machine, request, who.peer));
  };
  app.get(
    '/MAAS/rackboot/1/job',
    forWorker(async (machine, request, peer) =>
      plainText(await work.job(machine, metadata.surroundings(chooseAgentOrigin(request, peer, region)))),
    ),
  );
  app.get(
    '/MAAS/rackboot/1/cloud-config',
    forWorker(async (machine, request, peer) =>
      plainText(
        await metadata.preseeds.cloudConfig(machine, {
          origin: chooseAgentOrigin(request, peer, region),
          httpProxy: '',
        }),
      ),
    ),
  );
  // A failed machine that is being debugged is no longer at work, but still proves the same boot.
  const forBoot = (answer: (machine: Machine, isWanted: boolean) => Promise<string | undefined>) => {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const who = await listener.identify(request);
      if (who.kind !== 'identified') return send(reply, who);
      const proof = pickBootProof(who.peer);
      const worker = await work.findWorker(proof);
      const machine = worker ?? (await work.findDebugged(proof));
      if (machine === undefined) return send(reply, NOT_THIS_BOOT);
      if (isTooMuch(machine, who.peer)) return send(reply, TOO_OFTEN);
      const lines = await answer(machine, worker !== undefined);
      return send(reply, lines === undefined ? NOT_THIS_BOOT : plainText(lines));
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
  addOwnerRoutes(app, work, forWorker);
  addLayoutRoutes(app, work, forWorker);
  addScriptRoutes(app, work, forWorker);
  addSignalRoute(app, listener, work, isTooMuch);
}

function addOwnerRoutes(app: FastifyInstance, work: MachineAgent, forWorker: ForWorker) {
  app.get(
    '/MAAS/rackboot/1/ssh-keys',
    forWorker(async (machine) => plainText(await work.sshKeys(machine))),
  );
  app.get(
    '/MAAS/rackboot/1/user-data',
    forWorker(async (machine) => {
      const data = await work.userData(machine);
      if (data === undefined) return refuse('not-found', 'This machine has no user data.');
      return { kind: 'text', text: Buffer.from(data), contentType: 'application/octet-stream' };
    }),
  );
}

function addSignalRoute(
  app: FastifyInstance,
  { region, identify, send }: AgentListener,
  work: MachineAgent,
  isTooMuch: (machine: Machine, peer: Peer) => boolean,
) {
  app.post('/MAAS/rackboot/1/signal', async (request, reply) => {
    const who = await identify(request);
    if (who.kind !== 'identified') return send(reply, who);
    const machine = await work.findWorker(pickBootProof(who.peer));
    if (machine !== undefined && isTooMuch(machine, who.peer)) return send(reply, TOO_OFTEN);
    const answer = await takeSignal(region, work, who.peer, request);
    // The machine may restart as soon as it is answered.
    if (machine !== undefined) await work.waitForRacks(machine);
    return send(reply, answer);
  });
}

function addAgentFiles(app: FastifyInstance, listener: AgentListener) {
  const { agent, parts, preseed } = listener;
  app.get('/MAAS/rackboot/agent.sh', (request, reply) => sendAgent(listener, request, reply, agent, 'x-shellscript'));
  for (const [name, part] of parts) {
    app.get(`/MAAS/rackboot/${name}`, (request, reply) => sendAgent(listener, request, reply, part, 'x-shellscript'));
  }
  app.get('/MAAS/rackboot/enlist.preseed', (request, reply) => sendAgent(listener, request, reply, preseed, 'plain'));
}

function addLayoutRoutes(app: FastifyInstance, work: MachineAgent, forWorker: ForWorker) {
  app.get(
    '/MAAS/rackboot/1/network/:tool/:addresses',
    forWorker(async (machine, { params }) => {
      const { success, data } = networkPath.safeParse(params);
      const files = success ? work.network(machine, data.tool, data.addresses === 'leased') : undefined;
      return files === undefined
        ? refuse('not-found', 'Give netplan, networkd or ifupdown, and fixed or leased addresses.')
        : plainText(files);
    }),
  );
  app.get(
    '/MAAS/rackboot/1/storage',
    forWorker(async (machine) => {
      const plan = work.storage(machine);
      return plan === undefined
        ? refuse('not-found', 'This machine has no storage plan: its image lays out the disk.')
        : plainText(plan);
    }),
  );
}

function addScriptRoutes(app: FastifyInstance, work: MachineAgent, forWorker: ForWorker) {
  app.get(
    '/MAAS/rackboot/1/scripts',
    forWorker(async (machine) => plainText(await work.scripts.begin(machine))),
  );
  app.get(
    '/MAAS/rackboot/1/scripts/:id',
    forWorker(async (machine, { params }) => {
      const { success, data } = scriptPath.safeParse(params);
      const content = success ? await work.scripts.content(machine, data.id) : undefined;
      return content === undefined
        ? refuse(
            'not-found',
            'This machine has no such script to run: the script was removed, or belongs to another run.',
          )
        : plainText(content);
    }),
  );
}

async function takeSignal(region: Region, work: MachineAgent, peer: Peer, request: FastifyRequest): Promise<Answer> {
  const body = parseRequestForm(request);
  if (body.kind === 'fault') return refuseFor([body.refusal]);
  const fields = Object.fromEntries([...body.fields].map(([name, list]) => [name, list.at(-1) || undefined]));
  const checked = signalFields.safeParse(fields);
  if (!checked.success) {
    return refuseFields(groupIssuesByField(checked.error));
  }
  const { status, stage, message, script, output, exit_status: exitStatus } = checked.data;
  const { done_bytes: doneBytes, total_bytes: totalBytes, host_key: hostKey } = checked.data;
  const news = buildScriptNews(checked.data);
  const signal = { status, stage, message, script, output, exitStatus, doneBytes, totalBytes, hostKey, news };
  const isTaken = await region.transact(() => work.signal(pickBootProof(peer), signal));
  return isTaken ? plainText('OK') : NOT_THIS_BOOT;
}

function buildScriptNews(signal: z.output<typeof signalFields>): ScriptNews | undefined {
  const { script_id: id, ended, exit_status: exitStatus, offset, output_base64: base64 } = signal;
  if (id === undefined) return undefined;
  const piece =
    offset === undefined || base64 === undefined ? {} : { piece: { offset, bytes: Buffer.from(base64, 'base64') } };
  return { id, ended, exitStatus, ...piece };
}

export const pickBootProof = ({ bootToken, vouchedMac, ipv4 }: Peer): BootProof => ({
  token: bootToken,
  vouchedMac,
  address: ipv4,
});

/** The origin at which the machine reaches the region; its URLs begin with it. */
export const chooseAgentOrigin = (request: FastifyRequest, peer: Peer, region: Region): string =>
  chooseOrigin(readOriginFacts(request, peer), region.config(), region.racks);

async function sendAgent(
  { identify, send }: AgentListener,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string | undefined,
  subtype: 'x-shellscript' | 'plain',
): Promise<FastifyReply> {
  const who = await identify(request);
  if (who.kind !== 'identified') return send(reply, who);
  if (!who.peer.isManaged && who.caller.kind === 'anonymous') return send(reply, refuseUnmanaged(who.peer.address));
  if (text === undefined) {
    return send(reply, refuse('not-found', 'The enlistment agent is not part of this installation.'));
  }
  return reply.type(`text/${subtype}; charset=utf-8`).header('Cache-Control', 'no-store').send(text);
}
