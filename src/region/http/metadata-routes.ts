// `/MAAS/metadata/`: the documents and reports of a machine while it is commissioned, installed and started.
//
// Sources: cloud-init, "MAAS" data source and "Reporting"; MAAS's metadata service, as curtin and
// node scripts use it.
//
//   caller                                     reaches
//   a machine by its key, or by its boot       its own documents, its own signals, its own reports
//   a caller with the secret of a preseed,
//     at the address of that machine           the answers for its installer, while it is installed
//   anyone in a managed network                the documents for unknown machines (`enlist`)
//   users, racks, everyone else                nothing
//
// 1. A machine does not learn whether another exists: the refusal is the same.
// 2. Repeated slashes, which careless clients send, count as one.
// 3. A machine sends at most MACHINE_RATE requests; more are refused for a while, and take nothing
//    from others.
// 4. The caller is identified after all steps that take time, so a key that ends meanwhile is
//    already invalid, and no new key is generated for it.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { composeJsonFaultText } from '../../ground/json-excess.ts';
import type { Rate } from '../../ground/rate-limit.ts';
import { type Answer, type Refusal, refuse, refuseField, refuseFor, refuseUnmanaged } from '../api/call/answer.ts';
import type { Peer } from '../api/call/caller.ts';
import { type Fields, opIn, parseBody, parseTargetQuery } from '../api/call/form-body.ts';
import type { BootProof } from '../identity/boot-token.ts';
import type { PreseedOptions } from '../metadata/machine-preseeds.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import {
  listing,
  META_DATA_LEAVES,
  METADATA_VERSIONS,
  type MetaDataLeaf,
  type MetadataPath,
  type MetadataTree,
  parseMetadataPath,
  renderEnlistLeaf,
  renderLeaf,
} from '../metadata/metadata-tree.ts';
import { readSignal, readWebhook, SIGNAL_MEANINGS } from '../metadata/reports.ts';
import type { PreseedResult } from '../preseed/preseed.ts';
import type { Machine } from '../records/machine.ts';
import { mistakeAtText } from '../records/preseed-mistake.ts';
import { parseJson } from '../records/text-json.ts';
import type { Region } from '../region.ts';
import { RateLimiter, RatesByRack } from '../shares/request-rates.ts';
import { chooseAgentOrigin, type Identified, NOT_THIS_BOOT, pickBootProof, TOO_OFTEN } from './agent-routes.ts';
import { mergeFields } from './link.ts';

/** The rate of one machine: cloud-init reports a hundred steps within seconds. */
export const MACHINE_RATE: Rate = { perSecond: 5, burst: 400 };
/** The rate of the machines of a network; all machines of a remote rack count as one network. */
export const MACHINES_PER_NETWORK: Rate = { perSecond: 250, burst: 10_000 };
/**
 * The rate of all machines together: a whole hall that starts at once. A network at its limit
 * leaves half of this to others.
 */
export const MACHINES_RATE: Rate = { perSecond: 500, burst: 20_000 };

interface MetadataListener {
  readonly region: Region;
  readonly metadata: MetadataService;
  identify(request: FastifyRequest): Promise<Identified | Answer>;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
}

interface MetadataRequest {
  readonly service: MetadataService;
  readonly region: Region;
  readonly peer: Peer;
  readonly tree: MetadataTree;
  readonly isPost: boolean;
  readonly fields: Fields;
  readonly op: string;
  readonly body: Buffer;
  readonly machine: Machine | undefined;
  readonly proof: BootProof;
  readonly surroundings: PreseedOptions;
}

const textAnswer = (content: string | Buffer): Answer => ({
  kind: 'text',
  text: content,
  contentType: 'text/plain; charset=utf-8',
});
const NOTHING_HERE = refuse('not-found', 'Nothing is here.');
const NOT_YOURS = refuse('not-allowed', 'Only a machine with its own key may do this; its installer received the key.');

export const machineRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(MACHINE_RATE, MACHINES_RATE, MACHINES_PER_NETWORK));

export function addMetadataRoutes(app: FastifyInstance, listener: MetadataListener): void {
  const rates = machineRates();
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    listener.send(reply, await answerRequest(request, listener, rates));
  app.route({ method: ['GET', 'POST'], url: '/MAAS/metadata/', handler });
  app.route({ method: ['GET', 'POST'], url: '/MAAS/metadata/*', handler });
}

async function answerRequest(request: FastifyRequest, listener: MetadataListener, rates: RatesByRack): Promise<Answer> {
  const { region, metadata: service } = listener;
  const who = await listener.identify(request);
  if (who.kind !== 'identified') return who;
  const { caller, peer } = who;
  if (caller.kind === 'user' || caller.kind === 'rack') return NOT_YOURS;
  const proof = pickBootProof(peer);
  const machine = caller.kind === 'machine' ? await region.store.findMachine(caller.systemId) : undefined;
  if (machine !== undefined && !rates.of(peer.rackUuid).allows(machine.systemId, region.clock.now(), peer.share))
    return TOO_OFTEN;
  const metadataPath = parseMetadataPath(getWildcard(request));
  if (metadataPath === undefined) return NOTHING_HERE;
  const isPost = request.method === 'POST';
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const isReport = metadataPath.path.kind === 'status';
  const parsed = isPost && !isReport ? parseBody(request.headers['content-type'] ?? '', body) : undefined;
  if (parsed?.kind === 'fault') return refuseFor([parsed.refusal]);
  const query = parseTargetQuery(request.raw.url);
  const fields = mergeFields(query, parsed?.fields ?? new Map());
  const op = opIn(query, fields) ?? '';
  const { tree } = metadataPath;
  const surroundings = service.surroundings(chooseAgentOrigin(request, peer, region));
  const metadataRequest: MetadataRequest = {
    service,
    region,
    peer,
    tree,
    isPost,
    fields,
    op,
    body,
    machine,
    proof,
    surroundings,
  };
  return tree === 'enlist' || metadataPath.path.kind === 'enlist-preseed'
    ? answerStranger(metadataRequest, metadataPath.path)
    : await answerMachine(metadataRequest, metadataPath.path);
}

const GET = 'Use GET.';

async function answerMachine(request: MetadataRequest, path: MetadataPath): Promise<Answer> {
  if (path.kind === 'by-id') return await answerById(request, path.systemId);
  const { machine, isPost } = request;
  if (machine === undefined) {
    return refuse('not-authenticated', 'Authenticate with the key of the machine.', {
      'WWW-Authenticate': 'OAuth realm="MAAS API"',
    });
  }
  if (path.kind === 'status') return takeReport(request, machine, path.systemId);
  if (isPost)
    return path.kind === 'version' ? await takeOperation(request, machine) : refuse('method-not-allowed', GET);
  return await readDocument(request, machine, path);
}

async function readDocument(request: MetadataRequest, machine: Machine, path: MetadataPath): Promise<Answer> {
  const { service, tree, surroundings } = request;
  const userData = await service.userData(machine);
  switch (path.kind) {
    case 'versions':
      return textAnswer(listing(METADATA_VERSIONS));
    case 'version':
      return textAnswer(listing(['meta-data/', ...(userData === undefined && tree !== 'curtin' ? [] : ['user-data'])]));
    case 'meta-data':
      return textAnswer(listing(META_DATA_LEAVES));
    case 'leaf':
      return readLeaf(request, machine, path.name);
    case 'user-data':
      if (tree === 'curtin') return buildPreseedAnswer(await service.render(machine, 'curtin_userdata', surroundings));
      return userData === undefined
        ? refuse('not-found', 'This machine has no user data.')
        : { kind: 'text', text: Buffer.from(userData), contentType: 'application/octet-stream' };
    default:
      return NOTHING_HERE;
  }
}

async function readLeaf(
  { service, surroundings }: MetadataRequest,
  machine: Machine,
  name: MetaDataLeaf,
): Promise<Answer> {
  const sshKeys = await service.sshKeys(machine);
  if (name !== 'vendor-data') return textAnswer(renderLeaf(name, machine, { sshKeys, vendorData: () => '' }));
  const rendered = await service.render(machine, 'vendordata', surroundings);
  if (!rendered.ok) return buildPreseedAnswer(rendered);
  return textAnswer(renderLeaf(name, machine, { sshKeys, vendorData: () => rendered.text }));
}

const metadataText = (names: readonly string[]) => `Known here: ${names.join(', ')}.`;

async function takeOperation(request: MetadataRequest, machine: Machine): Promise<Answer> {
  const { service, op, fields } = request;
  switch (op) {
    case 'signal': {
      const signal = readSignal(fields);
      if (signal === undefined) {
        return refuseField('status', `Give one of ${Object.keys(SIGNAL_MEANINGS).join(', ')}.`);
      }
      await service.signal(machine, signal);
      return textAnswer('OK');
    }
    case 'netboot_off':
      await service.netbootOff(machine);
      return textAnswer('OK');
    case 'netboot_on':
      await service.netbootOn(machine);
      return textAnswer('OK');
    default:
      return refuse('unknown-operation', metadataText(['signal', 'netboot_off', 'netboot_on']));
  }
}

async function answerById(request: MetadataRequest, systemId: string): Promise<Answer> {
  const { service, isPost, op, fields, proof, surroundings, machine: caller } = request;
  const own = caller?.systemId === systemId ? caller : undefined;
  if (isPost) {
    const machine = own ?? (await service.findBooted(systemId, undefined, proof));
    if (machine === undefined) return NOT_THIS_BOOT;
    return op === 'signal'
      ? refuse('unknown-operation', metadataText(['netboot_off', 'netboot_on']))
      : await takeOperation(request, machine);
  }
  const machine = own ?? (await service.findBooted(systemId, fields.get('boot')?.at(-1), proof));
  if (machine === undefined) return NOT_THIS_BOOT;
  switch (op) {
    case 'get_preseed':
      return installerAnswer(service, machine, 'preseed', surroundings);
    case 'user-data':
    case 'meta-data':
      return installerAnswer(service, machine, op, surroundings);
    case 'vendor-data':
      return textAnswer('');
    default:
      return refuse('unknown-operation', metadataText(['get_preseed', 'user-data', 'meta-data', 'vendor-data']));
  }
}

async function installerAnswer(
  service: MetadataService,
  machine: Machine,
  file: Parameters<MetadataService['installerFile']>[1],
  surroundings: PreseedOptions,
): Promise<Answer> {
  const result = await service.installerFile(machine, file, surroundings);
  return result === undefined ? NOT_THIS_BOOT : buildPreseedAnswer(result);
}

async function takeReport(
  { service, tree, isPost, body }: MetadataRequest,
  machine: Machine,
  systemId: string,
): Promise<Answer> {
  if (!isPost) return refuse('method-not-allowed', `Use ${['POST'].join(', ')} here.`, { Allow: 'POST' });
  if (machine.systemId !== systemId) return NOT_YOURS;
  const parsed = parseJson(body.toString('utf8'));
  if (parsed.kind === 'fault') return refuse('bad-request', `The body ${composeJsonFaultText(parsed.fault)}.`);
  const report = readWebhook(parsed.value);
  if (report === undefined)
    return refuse('bad-request', 'A report must have event_type (start, progress, finish), name and description.');
  await service.report(machine, report, tree === 'curtin');
  return { kind: 'empty' };
}

function answerStranger({ service, peer, isPost, op, surroundings }: MetadataRequest, path: MetadataPath): Answer {
  if (isPost) return refuse('method-not-allowed', GET);
  if (!peer.isManaged) return refuseUnmanaged(peer.address);
  switch (path.kind) {
    case 'enlist-preseed':
      return op === 'get_enlist_preseed'
        ? buildPreseedAnswer(service.preseeds.renderEnlistment('enlist', surroundings))
        : refuse('unknown-operation', metadataText(['get_enlist_preseed']));
    case 'versions':
      return textAnswer(listing(METADATA_VERSIONS));
    case 'version':
      return textAnswer(listing(['meta-data/', 'user-data']));
    case 'meta-data':
      return textAnswer(listing(['instance-id', 'local-hostname']));
    case 'leaf': {
      const leaf = renderEnlistLeaf(path.name);
      return leaf === undefined ? NOTHING_HERE : textAnswer(leaf);
    }
    case 'user-data':
      return buildPreseedAnswer(service.preseeds.renderEnlistment('enlist_userdata', surroundings));
    default:
      return NOTHING_HERE;
  }
}

function buildPreseedAnswer(result: PreseedResult): Answer | Refusal {
  if (result.ok) return textAnswer(result.text);
  const { file, line, mistake } = result;
  return refuse('preseed-faulty', mistakeAtText({ file, line, mistake }));
}

function getWildcard({ params }: FastifyRequest) {
  const rest = typeof params === 'object' && params !== null ? Reflect.get(params, '*') : undefined;
  return typeof rest === 'string' ? rest : '';
}
