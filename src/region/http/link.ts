// The link of a remote rack: what it is told, what it reports. Plain functions from a request to an answer; `link-routes.ts` carries
// them over HTTP, and a simulated network may as well.
//
// 1. A rack is known by its key, and speaks for the UUID in the path only.
// 2. A rack that waits or was rejected is told so, and nothing else.
// 3. A post that a rack kept is run with the rights of an anonymous machine in one of this rack's own networks.

import { RackError } from '../../errors.ts';
import { parseIpv4, parseMac } from '../../net/address.ts';
import { parseAuthorization } from '../accounts/authorization.ts';
import { type Answer, json, refuse } from '../api/answer.ts';
import { type Peer, shareOf } from '../api/caller.ts';
import { type Fields, parseBody, parseUrlEncoded } from '../api/form-body.ts';
import { API_VERSIONS, operationsByPath, runOperation } from '../api/operations.ts';
import { versionProblem } from '../racks/rack-admission.ts';
import { check, heartbeat, type KeptPost, parseBatch } from '../racks/rack-news.ts';
import { LINK_VERSION, type Rack } from '../records/rack.ts';
import type { Region } from '../region.ts';
import { takeBatch } from './rack-batch.ts';

/** Room for ENTRIES_MAX reports and some posts, each of which is base64. */
export const LINK_BODY_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_SECONDS = 5;

/** The answer to a further batch of a rack while one is being stored. */
export const BATCH_UNDER_WAY = refuse(
  'rate-limit',
  'A batch of this rack is being stored: send this one when that is answered.',
  { 'Retry-After': '1' },
);

/** What a rack asks of its region. */
export type LinkRequest =
  | { readonly kind: 'state'; readonly ifNoneMatch: string | undefined }
  | { readonly kind: 'events'; readonly body: unknown }
  | { readonly kind: 'heartbeat'; readonly body: unknown };

/** The accepted rack of this UUID and key, or why there is none. */
export function findLinkedRack(
  region: Region,
  uuid: string,
  authorization: string | undefined,
): { readonly kind: 'rack'; readonly rack: Rack } | Answer {
  const credentials = authorization === undefined ? undefined : parseAuthorization(authorization);
  const rack = region.racks.find(uuid);
  const isHolder = credentials?.kind === 'key' && region.racks.isKeyOf(rack, credentials);
  if (rack === undefined || !isHolder) {
    return refuse('not-authenticated', 'No rack is known by this UUID and key: register first.', {
      'WWW-Authenticate': 'OAuth realm="MAAS API"',
    });
  }
  switch (rack.state) {
    case 'accepted':
      return { kind: 'rack', rack };
    case 'pending':
      return refuse('rack-pending', `waiting for an administrator; on the region: rackboot racks accept ${rack.name}`);
    case 'rejected':
      return refuse('rack-rejected', 'this rack was rejected by an administrator');
  }
}

/** Answers one request of a rack. Throws only for our own bugs. */
export function answerLink(
  region: Region,
  uuid: string,
  authorization: string | undefined,
  request: LinkRequest,
): Answer {
  try {
    const found = findLinkedRack(region, uuid, authorization);
    return found.kind === 'rack' ? answerRack(region, found.rack, request) : found;
  } catch (error) {
    return refuseUnavailable(error);
  }
}

/** Answers one request of a rack that is accepted. @throws RackError `store-unavailable` */
export function answerRack(region: Region, rack: Rack, request: LinkRequest): Answer {
  switch (request.kind) {
    case 'state':
      return answerState(region, rack, request.ifNoneMatch);
    case 'events':
      return answerEvents(region, rack, request.body);
    case 'heartbeat':
      return answerHeartbeat(region, rack, request.body);
  }
}

function answerState(region: Region, rack: Rack, ifNoneMatch: string | undefined): Answer {
  const state = region.desiredState(rack.uuid);
  const tag = `"${state.version}"`;
  const isKnown = (ifNoneMatch ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .includes(tag);
  return isKnown ? { kind: 'unchanged', tag } : { kind: 'state', tag, state };
}

function answerEvents(region: Region, rack: Rack, body: unknown): Answer {
  const batch = parseBatch(rack.uuid, body);
  if (!batch.ok) return refuse('bad-request', batch.problem);
  const taking = takeBatch(region, rack, batch.value, (post) => runKeptPost(region, rack, post));
  if (taking === undefined) return BATCH_UNDER_WAY;
  return taking instanceof Promise ? { kind: 'later', answer: taking.then(json, refuseUnavailable) } : json(taking);
}

/** The refusal of a store that is not there. @throws what is anything else */
function refuseUnavailable(error: unknown): Answer {
  if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
  return refuse('store-unavailable', error.message, { 'Retry-After': String(RETRY_SECONDS) });
}

function answerHeartbeat(region: Region, rack: Rack, body: unknown): Answer {
  const checked = check(heartbeat, body);
  if (!checked.ok) return refuse('bad-request', checked.problem);
  const {
    version,
    uplink,
    interfaces,
    life,
    applied,
    waiting,
    dropped,
    deadLetters,
    pinned,
    startedAt,
    settingsRefused,
    images,
  } = checked.value;
  const problem = versionProblem(uplink);
  if (problem !== undefined) return refuse('rack-version', problem);
  const pulse = { life, applied, waiting, dropped, deadLetters, pinned, startedMs: startedAt, settingsRefused };
  region.racks.hear(rack.uuid, { version, uplink, interfaces, pulse, images });
  const own = region.racks.list().find(({ isEmbedded }) => isEmbedded);
  return json({ version: own?.version ?? '', uplink: LINK_VERSION, now: region.clock.wallTimeMs() });
}

/** Runs a post as the API would have; undefined: it was taken, else why not. */
function runKeptPost(region: Region, rack: Rack, post: KeptPost): string | undefined {
  const [path = '', search = ''] = post.path.split('?', 2);
  const match = /^\/MAAS\/api\/(1\.0|2\.0)\/([a-z]+)\/?$/.exec(path);
  const version = API_VERSIONS.find((name) => name === match?.[1]);
  const operations = version === undefined ? undefined : operationsByPath(version).get(match?.[2] ?? '');
  // What a machine may post without a key is what a rack may keep for it.
  const open = operations?.filter(({ method, access }) => method === 'POST' && access === 'managed') ?? [];
  if (version === undefined || open.length === 0) return `nothing takes a post at ${path.slice(0, 100)}`;
  const query = parseUrlEncoded(search);
  const body = parseBody(post.contentType, Buffer.from(post.body, 'base64'));
  if (query.kind === 'fault') return query.text;
  if (body.kind === 'fault') return body.text;
  const call = {
    region,
    version,
    path: {},
    caller: { kind: 'anonymous' },
    peer: peerOf(region, rack, post),
    query: query.fields,
  } as const;
  return refusalText(runOperation(open, 'POST', call, mergeFields(query.fields, body.fields)));
}

/** The machine that posted, as its rack saw it; believed to be managed in this rack's networks only. */
function peerOf(region: Region, rack: Rack, { peer, token, bootMac }: KeptPost): Peer {
  const address = parseIpv4(peer);
  const isManaged = address !== undefined && region.racks.isOf(rack, address);
  const told = isManaged ? parseMac(bootMac ?? '') : undefined;
  const vouchedMac = told !== undefined && region.racks.homes.mayVouch(rack.uuid, told) ? told : undefined;
  const rackUuid = rack.uuid;
  const share = shareOf(peer, rackUuid);
  return {
    address: peer,
    share,
    isByRack: true,
    ipv4: address,
    isManaged,
    isLocal: false,
    isOperator: false,
    bootToken: token,
    vouchedMac,
    rackUuid,
  };
}

/** The fields of a query and of a body as one. */
export function mergeFields(query: Fields, body: Fields): Fields {
  const merged = new Map(query);
  for (const [name, list] of body) merged.set(name, [...(merged.get(name) ?? []), ...list]);
  return merged;
}

function refusalText(answer: Answer): string | undefined {
  if (answer.kind !== 'refusal') return undefined;
  const { body } = answer;
  if (typeof body === 'string') return body;
  return Object.entries(body)
    .map(([field, problems]) => `${field}: ${problems.join(' ')}`)
    .join('; ');
}
