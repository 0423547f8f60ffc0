// The link of a remote rack: its desired state, its events and its heartbeats. Plain functions from
// a request to an answer, which `link-routes.ts` carries over HTTP, and a simulated network can
// carry, too.
//
// 1. A rack is known by its key, and speaks only for the UUID in the path. A pending or rejected
//    rack learns only its state.
// 2. A post that a rack kept runs with the rights of an anonymous machine in one of this rack's own networks.

import { parseIpv4, parseMac } from '../../ground/address.ts';
import { isStoreUnavailable } from '../../ground/errors.ts';
import { splitTarget } from '../../net/region-http.ts';
import { parseAuthorization } from '../accounts/authorization-header.ts';
import { type Answer, json, refuse, refuseFor, renderRefusalBody } from '../api/call/answer.ts';
import { formatShareKey, type Peer, withoutQuotes } from '../api/call/caller.ts';
import { type Fields, parseBody, parseUrlEncoded } from '../api/call/form-body.ts';
import { API_VERSIONS, operationsByPath, runOperation } from '../api/operations.ts';
import { rackOwnerText } from '../api/racks/rack-operations.ts';
import { namedFile } from '../config.ts';
import { rackWaitingText, refuseVersion } from '../racks/rack-admission.ts';
import { check, type KeptPost, parseBatch } from '../racks/rack-news.ts';
import type { StateRequest } from '../racks/state-update.ts';
import { heartbeat } from '../records/heartbeat.ts';
import { LINK_VERSION, type Rack } from '../records/rack.ts';
import type { Region } from '../region.ts';
import { describeOutage, noteText } from '../reports/notes.ts';
import { takeBatch } from './rack-batch.ts';

/** Room for ENTRIES_MAX reports and some posts in Base64, in bytes. */
export const LINK_BODY_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_SECONDS = 5;

export const BATCH_UNDER_WAY = refuse(
  'rate-limit',
  'Another batch of this rack is being stored: send this one when that one has been answered.',
  { 'Retry-After': '1' },
);

export type LinkRequest =
  | ({ readonly kind: 'state' } & StateRequest)
  | { readonly kind: 'events'; readonly body: unknown }
  | { readonly kind: 'heartbeat'; readonly body: unknown };

/** The accepted rack of this UUID and key, or why there is none. */
export async function findLinkedRack(
  region: Region,
  uuid: string,
  authorization: string | undefined,
): Promise<{ readonly kind: 'rack'; readonly rack: Rack } | Answer> {
  await region.racks.refresh();
  const credentials = authorization === undefined ? undefined : parseAuthorization(authorization);
  const rack = region.racks.find(uuid);
  const isHolder = credentials?.kind === 'key' && (await region.racks.isKeyOf(rack, credentials));
  if (rack === undefined || !isHolder) {
    return refuse('not-authenticated', 'No rack has this UUID and key: register first.', {
      'WWW-Authenticate': 'OAuth realm="MAAS API"',
    });
  }
  switch (rack.state) {
    case 'accepted': {
      const username = region.racks.demotedOwnerOf(rack);
      if (username === undefined) return { kind: 'rack', rack };
      return refuse('not-allowed', rackOwnerText(rack.name, username));
    }
    case 'pending':
      return refuse('rack-pending', rackWaitingText(rack.name, namedFile(region.config())));
    case 'rejected':
      return refuse('rack-rejected', 'an administrator rejected this rack');
  }
}

export async function answerLink(
  region: Region,
  uuid: string,
  authorization: string | undefined,
  request: LinkRequest,
): Promise<Answer> {
  try {
    const linkedRack = await findLinkedRack(region, uuid, authorization);
    return linkedRack.kind === 'rack' ? await answerRack(region, linkedRack.rack, request) : linkedRack;
  } catch (error) {
    return refuseUnavailable(error);
  }
}

export async function answerRack(region: Region, rack: Rack, request: LinkRequest): Promise<Answer> {
  switch (request.kind) {
    case 'state':
      return await region.stateUpdate(rack.uuid, request);
    case 'events':
      return await answerEvents(region, rack, request.body);
    case 'heartbeat':
      return await answerHeartbeat(region, rack, request.body);
  }
}

async function answerEvents(region: Region, rack: Rack, body: unknown): Promise<Answer> {
  const batch = parseBatch(rack.uuid, body);
  if (!batch.ok) return refuse('bad-request', batch.problem.text);
  const taken = await takeBatch(region, rack, batch.value, (post) => runKeptPost(region, rack, post));
  return taken === undefined ? BATCH_UNDER_WAY : json(taken);
}

function refuseUnavailable(error: unknown): Answer {
  if (!isStoreUnavailable(error)) throw error;
  return refuse('store-unavailable', noteText(withoutQuotes(describeOutage(error))), {
    'Retry-After': String(RETRY_SECONDS),
  });
}

async function answerHeartbeat(region: Region, rack: Rack, body: unknown): Promise<Answer> {
  const checked = check(heartbeat, body);
  if (!checked.ok) return refuse('bad-request', checked.problem.text);
  const {
    version,
    uplink,
    interfaces,
    images,
    copies = [],
    answers = [],
    startedAt,
    measures,
    ...pulse
  } = checked.value;
  const problem = refuseVersion(uplink);
  if (problem !== undefined) return refuseFor([problem]);
  await region.racks.hear(rack.uuid, {
    version,
    uplink,
    interfaces,
    images,
    measures,
    pulse: { ...pulse, startedMs: startedAt },
  });
  for (const answer of answers) region.racks.requests.answer(rack.uuid, answer);
  for (const copy of copies) await region.bootImages.recordDownload({ ...copy, rack: rack.uuid }, rack.name, '');
  const own = region.racks.own;
  return json({ version: own?.version ?? '', uplink: LINK_VERSION, now: region.clock.wallTimeMs() });
}

async function runKeptPost(region: Region, rack: Rack, post: KeptPost) {
  const { path, query: search } = splitTarget(post.path);
  const match = /^\/MAAS\/api\/(1\.0|2\.0)\/([a-z]+)\/?$/.exec(path);
  const version = API_VERSIONS.find((name) => name === match?.[1]);
  const operations = version === undefined ? undefined : operationsByPath(version).get(match?.[2] ?? '');
  // A rack may keep only what a machine may post without a key.
  const open = operations?.filter(({ method, access }) => method === 'POST' && access === 'managed') ?? [];
  if (version === undefined || open.length === 0) {
    return `the API accepts no POST at ${path.slice(0, 100)}`;
  }
  const query = parseUrlEncoded(search);
  const body = parseBody(post.contentType, Buffer.from(post.body, 'base64'));
  if (query.kind === 'fault') return query.refusal.text;
  if (body.kind === 'fault') return body.refusal.text;
  const call = {
    region,
    version,
    path: {},
    caller: { kind: 'anonymous' },
    peer: await buildLinkPeer(region, rack, post),
    query: query.fields,
  } as const;
  return formatLinkRefusal(await runOperation(open, 'POST', call, mergeFields(query.fields, body.fields)));
}

/** The machine that posted, as its rack saw it; it counts as managed only in this rack's networks. */
async function buildLinkPeer(region: Region, rack: Rack, { peer, token, bootMac }: KeptPost): Promise<Peer> {
  const address = parseIpv4(peer);
  const isManaged = address !== undefined && region.racks.isOf(rack, address);
  const claimed = isManaged ? parseMac(bootMac ?? '') : undefined;
  const isVouched = claimed !== undefined && (await region.racks.homes.mayVouch(rack.uuid, claimed));
  const vouchedMac = isVouched ? claimed : undefined;
  const rackUuid = rack.uuid;
  const share = formatShareKey(peer, rackUuid);
  return {
    address: peer,
    share,
    isByRack: true,
    ipv4: address,
    isManaged,
    isOperator: false,
    bootToken: token,
    vouchedMac,
    rackUuid,
  };
}

export function mergeFields(query: Fields, body: Fields): Fields {
  const merged = new Map(query);
  for (const [name, list] of body) merged.set(name, [...(merged.get(name) ?? []), ...list]);
  return merged;
}

function formatLinkRefusal(answer: Answer) {
  if (answer.kind !== 'refusal') return undefined;
  const body = renderRefusalBody(answer);
  if (typeof body === 'string') return body;
  return Object.entries(body)
    .map(([field, problems]) => `${field}: ${problems.join(' ')}`)
    .join('; ');
}
