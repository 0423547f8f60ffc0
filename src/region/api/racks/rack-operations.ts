// Racks over the API: racks register, administrators accept or reject them, users read them.
//
// Source: MAAS 1.x `nodegroups/` (register, accept, reject, list, the numbers of `status`).
// `controller-operations.ts` has `rackcontrollers/`.
//
// 1. Anyone may register a rack; that alone gives it no rights.
// 2. A cluster of MAAS 1.x, which speaks another protocol, is refused by name.

import { z } from 'zod';
import { namedFile } from '../../config.ts';
import { STRANGERS_INTERFACES_LENGTH_MAX } from '../../racks/introductions.ts';
import type { RackKey, RackVerdict } from '../../racks/rack-admission.ts';
import { findDoubt, findSharedRange, rangeSharedText } from '../../racks/rack-networks.ts';
import { doubtWords } from '../../records/events.ts';
import { rackName, rackUuid, rackVersion } from '../../records/heartbeat.ts';
import { RACK_INTERFACES_MAX } from '../../records/heartbeat-bounds.ts';
import { isAway, RACK_STATE_NUMBERS, RACKS_MAX, type Rack, type RackImage } from '../../records/rack.ts';
import { REQUIRED } from '../../records/refusal.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, json, refuse, refuseField, refuseFields, refuseFor, refuseRack } from '../call/answer.ts';
import type { Fields } from '../call/form-body.ts';
import {
  type ApiCall,
  defineOperation,
  getCallerUsername,
  NOT_A_NUMBER,
  nothing,
  type Operation,
  value,
  values,
} from '../call/operation.ts';
import { listNodes, updateGroup } from './group-calls.ts';

const isoTime = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

function rackJson(call: ApiCall, rack: Rack, images: readonly RackImage[] | undefined): AnswerOf<'rack'> {
  const { pulse } = rack;
  const nowMs = call.region.clock.wallTimeMs();
  const racks = call.region.racks.list();
  const [shared, doubt] = [findSharedRange(rack, racks), findDoubt(rack, racks)];
  return {
    uuid: rack.uuid,
    name: rack.name,
    cluster_name: rack.name,
    status: RACK_STATE_NUMBERS[rack.state],
    status_name: rack.state,
    is_embedded: rack.isEmbedded,
    is_away: isAway(rack, nowMs),
    conflict: shared === undefined ? null : rangeSharedText(shared),
    network_conflict: doubt === undefined ? null : doubtWords(doubt),
    version: rack.version,
    last_seen: isoTime(rack.isEmbedded ? nowMs : rack.seenMs),
    registered: new Date(rack.registeredMs).toISOString(),
    registered_from: rack.address,
    applied_version: rack.isEmbedded ? null : (pulse?.applied ?? null),
    settings_refused: pulse?.settingsRefused ?? null,
    events_waiting: pulse?.waiting ?? 0,
    events_dropped: pulse?.dropped ?? 0,
    dead_letters: pulse?.deadLetters ?? 0,
    images: images ?? [],
    interfaces: rack.interfaces,
    resource_uri: `/MAAS/api/${call.version}/nodegroups/${rack.uuid}/`,
  };
}

async function listRacks(call: ApiCall): Promise<Answer> {
  const { racks, store } = call.region;
  // The list is in memory, and may be one from before an outage: ask the store in any case.
  if (!racks.list().some(({ state, isEmbedded }) => state === 'accepted' && !isEmbedded)) await store.racks.images([]);
  const images = await racks.images();
  return json(racks.list().map((rack) => rackJson(call, rack, images.get(rack.uuid))));
}

async function readRack(call: ApiCall): Promise<Answer> {
  const named = call.path.uuid ?? '';
  const uuid = call.region.settings.findRack(named) ?? named;
  const rack = call.region.racks.find(uuid);
  if (rack === undefined) return refuseRack(named);
  const { downloads } = await call.region.bootImages.run();
  const reported = downloads.flatMap(({ rack: of, file, bytes, total, error, atMs }) =>
    of === uuid
      ? [{ filename: file, bytes_downloaded: bytes, size: total ?? null, error, reported: isoTime(atMs) }]
      : [],
  );
  return json({ ...rackJson(call, rack, (await call.region.racks.images([rack])).get(uuid)), downloads: reported });
}

const registration = z.object({
  uuid: value(rackUuid).describe('The UUID that the rack generated.'),
  name: value(rackName).describe("The rack's name, one label of a domain name."),
  interfaces: value(z.string().max(262_144)).describe('Its cluster interfaces, a JSON list.'),
  version: value(rackVersion).describe('The version of Rackboot that it runs.'),
  uplink: value(z.string().regex(/^\d{1,5}$/, NOT_A_NUMBER)).describe('The version of the link protocol.'),
  token: value(z.string().regex(/^[\w-]{8,64}$/, 'give 8 to 64 letters, digits, _ or -'))
    .optional()
    .describe('The middle part of the key that the rack generated, unless an administrator’s key is sent.'),
  secret_digest: value(z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 digest'))
    .optional()
    .describe("SHA-256 of that key's secret, hexadecimal."),
});
type Registration = z.output<typeof registration>;

export const rackOwnerText = (rack: string, username: string): string =>
  `Rack ${rack} registered with the API key of ${username}, who is no longer an administrator: make ${username} one again, or put an ` +
  "administrator's key in region.api_key_file of the rack and restart it.";

function chooseRackKey(call: ApiCall, input: Registration): RackKey | Answer {
  const { caller } = call;
  if (caller.kind === 'user' && caller.isAdmin && caller.tokenKey !== undefined) {
    return { kind: 'administrator', token: caller.tokenKey, username: caller.username };
  }
  if (caller.kind === 'rack') {
    const rack = caller.uuid === input.uuid ? call.region.racks.find(input.uuid) : undefined;
    return rack?.token === undefined || rack.secretDigest === undefined
      ? refuse('rack-key', 'This key belongs to another rack.')
      : { kind: 'own', token: rack.token, secretDigest: rack.secretDigest };
  }
  if (caller.kind === 'machine' || (caller.kind === 'user' && !caller.isAdmin)) {
    const rack = call.region.racks.find(input.uuid);
    const isItsKey = caller.kind === 'user' && rack?.token !== undefined && rack.token === caller.tokenKey;
    // This is what the rack logs.
    if (isItsKey) return refuse('not-allowed', rackOwnerText(rack.name, caller.username));
    return refuse('not-allowed', "Racks register with an administrator's key, or with a key that they generated.");
  }
  const { token, secret_digest: secretDigest } = input;
  if (token === undefined) return refuseField('token', "This field is required unless an administrator's key is used.");
  if (secretDigest === undefined) return refuseField('secret_digest', 'This field is required with a token.');
  return { kind: 'own', token, secretDigest };
}

async function register(call: ApiCall, input: Registration): Promise<Answer> {
  const key = chooseRackKey(call, input);
  if (key.kind !== 'own' && key.kind !== 'administrator') return key;
  const { uuid, name, version } = input;
  const regionFile = namedFile(call.region.config());
  const registration = { uuid, name, version, uplink: Number(input.uplink), key, address: call.peer.share, regionFile };
  const outcome = await call.region.racks.introduce(registration, input.interfaces);
  switch (outcome.kind) {
    case 'too-many':
      return refuse('rate-limit', 'Too many unknown racks are registering: wait a little.', { 'Retry-After': '60' });
    case 'too-long':
      return refuse(
        'rack-length',
        `A rack that is not accepted may send at most ${STRANGERS_INTERFACES_LENGTH_MAX} characters about its interfaces: update it, because newer racks send less, or let it register with an administrator's key (region.api_key_file).`,
      );
    case 'fault':
      return refuseFields({ interfaces: [outcome.refusal] });
    case 'accepted':
      return json({ uuid, status: 'accepted' });
    case 'pending':
      return json({ uuid, status: 'pending', text: outcome.why.text }, 202);
    case 'refuse':
      return refuseFor([outcome.refusal]);
  }
}

const verdict = z.object({ uuid: values(RACKS_MAX).describe('The UUIDs of the racks.') });

const acceptance = verdict.extend({
  share: values(RACK_INTERFACES_MAX)
    .optional()
    .describe(
      'Networks that other racks serve, too, or that are wider than /16. The region believes these racks about them only if they are named here.',
    ),
});

function doubtLines(call: ApiCall, uuids: readonly string[]): string {
  const racks = call.region.racks.list();
  const lines = racks
    .filter(({ uuid }) => uuids.includes(uuid))
    .map((rack) => ({ name: rack.name, doubt: findDoubt(rack, racks) }));
  return lines.flatMap(({ name, doubt }) => (doubt === undefined ? [] : [`\n${name}: ${doubtWords(doubt)}`])).join('');
}

async function accept(call: ApiCall, { uuid, share }: z.output<typeof acceptance>): Promise<Answer> {
  const answer = await judgeRacks(call, uuid, 'accept', 'Nodegroup(s) accepted.', share);
  return answer.kind === 'text' ? { ...answer, text: `${answer.text}${doubtLines(call, uuid)}` } : answer;
}

async function judgeRacks(
  call: ApiCall,
  uuids: readonly string[],
  rackVerdict: RackVerdict,
  done: string,
  shared: readonly string[] = [],
): Promise<Answer> {
  if (uuids.length === 0) return refuseField('uuid', REQUIRED);
  const username = getCallerUsername(call);
  const refusal = await call.region.racks.judge(uuids, rackVerdict, username, shared);
  if (refusal !== undefined) return refuseFor([refusal]);
  return { kind: 'text', text: done, contentType: 'text/plain; charset=utf-8' };
}

async function removeRack(call: ApiCall): Promise<Answer> {
  const answer = await judgeRacks(call, [call.path.uuid ?? ''], 'remove', '');
  return answer.kind === 'text' ? { kind: 'empty' } : answer;
}

const groupChange = z.object({
  name: value(z.string().max(256)).optional().describe('Its name, which only its own configuration changes.'),
  cluster_name: value(z.string().max(256)).optional().describe('The same as name.'),
  status: value(z.string().regex(/^[0-2]$/, NOT_A_NUMBER))
    .optional()
    .describe('1: accept it; 2: reject it.'),
});
const both = ['1.0', '2.0'] as const;
const groups = { versions: both, path: 'nodegroups', handler: 'NodeGroupsHandler' } as const;
const group = { versions: both, path: 'nodegroups/{uuid}', handler: 'NodeGroupHandler' } as const;
const oldGroup = { ...group, versions: ['1.0'] } as const;

const registering = defineOperation({
  ...groups,
  method: 'POST',
  ownTransaction: true,
  op: 'register',
  access: 'anyone',
  answers: { of: 'registration', statuses: [200, 202] },
  doc: 'Register a rack. With the key of an administrator it is accepted at once; without one it waits until an administrator accepts it.',
  parameters: registration,
  run: register,
});

/**
 * True for a registration by a cluster of MAAS 1.x, which says neither its version nor that of its
 * link. Every rack of Rackboot says both.
 */
const isOfMaas = (fields: Fields): boolean => fields.has('uuid') && !fields.has('version') && !fields.has('uplink');
const MAAS_CLUSTER = refuse(
  'bad-request',
  'A cluster controller of MAAS cannot serve this region. Install Rackboot on its host, and let that join as a rack: `sudo rackboot init --region URL`, with the URL of this region (docs/racks.md).',
);

export const RACK_OPERATIONS: readonly Operation[] = [
  ...[undefined, 'list'].map((op) =>
    defineOperation({
      ...groups,
      method: 'GET',
      op,
      access: 'user',
      answers: ['rack'],
      doc: 'List racks, in the order of their registration.',
      parameters: nothing,
      run: listRacks,
    }),
  ),
  { ...registering, run: (call, fields) => (isOfMaas(fields) ? MAAS_CLUSTER : registering.run(call, fields)) },
  defineOperation({
    ...groups,
    method: 'POST',
    ownTransaction: true,
    op: 'accept',
    access: 'admin',
    answers: 'text',
    doc:
      'Accept racks: the region sends them their desired state, and believes their reports on machines in their networks. ' +
      'The answer names networks that are not believed because they overlap those of another rack, or are wider than /16.',
    parameters: acceptance,
    run: accept,
  }),
  defineOperation({
    ...groups,
    method: 'POST',
    ownTransaction: true,
    op: 'reject',
    access: 'admin',
    answers: 'text',
    doc: 'Reject racks. They stay rejected until they are deleted.',
    parameters: verdict,
    run: (call, { uuid }) => judgeRacks(call, uuid, 'reject', 'Nodegroup(s) rejected.'),
  }),
  defineOperation({
    ...group,
    method: 'GET',
    access: 'user',
    answers: 'rack',
    doc: 'Read a rack.',
    parameters: nothing,
    run: readRack,
  }),
  defineOperation({
    ...oldGroup,
    method: 'PUT',
    ownTransaction: true,
    access: 'admin',
    answers: 'rack',
    doc: 'Accept or reject a rack by its state.',
    parameters: groupChange,
    run: async (call, input) => updateGroup(call, input, (rack) => rackJson(call, rack, undefined)),
  }),
  defineOperation({
    ...oldGroup,
    method: 'GET',
    op: 'list_nodes',
    access: 'user',
    parameters: nothing,
    answers: ['string'],
    doc: 'List the system ids of the machines of a rack.',
    run: listNodes,
  }),
  defineOperation({
    ...group,
    method: 'DELETE',
    ownTransaction: true,
    access: 'admin',
    answers: 'nothing',
    doc: 'Forget a rack. Its machines stay; it may register again.',
    parameters: nothing,
    run: removeRack,
  }),
];
