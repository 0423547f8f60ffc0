// The common parts of the operations on networks: parameters, and the request of a change.

import { z } from 'zod';
import { type Ipv4Range, parseIpv4 } from '../../../ground/address.ts';
import { cleanText } from '../../../ground/clean-text.ts';
import type { NetworkView, SubnetView } from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import type { BootChange, NetworkNoun } from '../../records/events.ts';
import type { Subnet } from '../../records/network-store.ts';
import type { RefusalWord } from '../../records/refusal.ts';
import type { SubnetService } from '../../records/subnet-service.ts';
import { cleanNote, cleanWords } from '../../records/text-json.ts';
import {
  type Answer,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
  refuseFor,
  refuseSetting,
} from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  controls,
  flagWord,
  getCallerUsername,
  IP_ADDRESS,
  idIn,
  isTrue,
  numberText,
  value,
} from '../call/operation.ts';

export const CIDR = 'Give an IPv4 network such as 10.20.0.0/24, without host bits. IPv6 is not supported.';

export const DNS_SERVERS = 'Give at most 16 IPv4 addresses, separated by commas or blanks.';

export const subnetOutsideText = (network: string): string => `The address is not in ${network}.`;

export const VID = 'Give 0 (untagged) to 4094.';

export const VLAN_NO_RANGE =
  'No subnet of this VLAN has a dynamic range: create one first (ipranges with type=dynamic and the subnet).';

export const networkNameTakenText = (name: string): string => `The name ${name} is taken.`;

const NAME_MAX = 255;
const TEXT_MAX = 1024;
const SHOWN_MAX = 64;

const NETWORK_NAME = 'Give at most 255 characters without /; the first must be a letter or digit.';
const SUBNET_NAME = 'Give at most 255 characters; the first must be a letter or digit, or one of . : _ / -';

/** A name that matches, in which blanks are the only white space. */
const nameLike = (pattern: RegExp, text: string) =>
  value(
    z
      .string()
      .trim()
      .max(NAME_MAX, text)
      .refine((name) => pattern.test(name) && cleanText(name, NAME_MAX) === name, text),
  );
/** MAAS takes `^\w[ \w-]*$`. */
export const nameField = nameLike(/^[\p{L}\p{N}](?: |[^\s/])*$/u, NETWORK_NAME);
/** MAAS takes `^[.: \w/-]+$`, so that a subnet may be named by its network. */
export const subnetNameField = nameLike(/^[\p{L}\p{N}.:_/-](?: |\S)*$/u, SUBNET_NAME);
export const wordsField = value(
  z
    .string()
    .max(TEXT_MAX)
    .transform((text) => cleanWords(text, TEXT_MAX)),
);
/** A note for people, which may have several lines. */
export const noteField = value(
  z
    .string()
    .max(TEXT_MAX)
    .transform((text) => cleanNote(text, TEXT_MAX)),
).register(controls, { control: 'area' });
/** An identifier, address or list: checked where it is used. */
export const textField = value(z.string().trim().max(TEXT_MAX));
const NUMBER = /^\d{1,10}$/;
export const countField = value(numberText(NUMBER).transform(Number));
export const flagField = value(flagWord.transform(isTrue));

export const addressOrNone = value(
  z
    .string()
    .trim()
    .max(TEXT_MAX)
    .refine((text) => text === '' || parseIpv4(text) !== undefined, IP_ADDRESS),
).register(controls, { control: 'address' });

export const isAdmin = ({ caller }: ApiCall): boolean => caller.kind === 'user' && caller.isAdmin;

/** The id of an object, or -1: the default fabric has the id 0. */
export const networkIdIn = (text: string | undefined): number => idIn(text, -1);

export const absent = (what: NetworkNoun, id: string | undefined): Refusal =>
  refuse('not-found', `There is no ${what} ${(id ?? '').slice(0, SHOWN_MAX)}.`);

/** The refusal of a change that a cluster interface which may not be in force would not outlast. */
export function refuseStored(
  { records: { subnets, services } }: NetworkView,
  isChanged: (subnet: Subnet) => boolean,
): Refusal | undefined {
  const changed = new Map(subnets.flatMap((subnet) => (isChanged(subnet) ? [[subnet.id, subnet.cidr]] : [])));
  const service = services.find(({ subnetId }) => changed.has(subnetId));
  return (
    service &&
    refuse(
      'in-use',
      `The region stores the cluster interface ${service.name} of the rack ${service.rack} in ${changed.get(service.subnetId)}: remove it or this subnet first.`,
    )
  );
}

/** The row of a cluster interface, for a change of it; the refusal if a rack's file has it. */
export function serviceRow({ findService }: Pick<NetworkDraft, 'findService'>, served: ServedNetwork) {
  const row = findService(served);
  return 'text' in row ? refuseSetting(row) : row;
}

/** The rows of all these cluster interfaces, or the first refusal. */
export function serviceRows(
  draft: Pick<NetworkDraft, 'findService'>,
  all: readonly ServedNetwork[],
): readonly SubnetService[] | Refusal {
  const rows = all.map((served) => serviceRow(draft, served));
  return rows.find(isRefusal) ?? rows.flatMap((row) => (isRefusal(row) ? [] : [row]));
}

export const readNetworks = (call: ApiCall): Promise<NetworkView> => call.region.networks.look();

/** A list, rendered one entry at a time. */
export function listed<T>(call: ApiCall, items: readonly T[], show: (item: T) => unknown): Answer {
  async function* entries(): AsyncGenerator<unknown, void> {
    for (const item of items) yield show(item);
  }
  return listFor(call, entries());
}

/**
 * Stores a change, and answers with the changed object; `empty` after its removal, and without `show`.
 * @param show its answer `undefined`: the object does not exist
 * @param also a further refusal of the change, in its transaction
 */
export async function change(
  call: ApiCall,
  decide: (draft: NetworkDraft) => WantedChange | Refusal,
  show?: (view: NetworkView, id: number) => unknown,
  among?: Ipv4Range,
  also?: () => Promise<Refusal | undefined>,
): Promise<Answer> {
  const outcome = await call.region.networks.change<Refusal>(getCallerUsername(call), decide, among, also);
  if ('text' in outcome) {
    const isOfNetworks = outcome.name === 'networks-limit' || outcome.name === 'in-use';
    return isOfNetworks ? refuseFor([outcome]) : refuseSetting(outcome);
  }
  if (outcome.kind === 'refusal') return outcome;
  if (outcome.change === 'removed' || show === undefined) return { kind: 'empty' };
  const body = show(call.region.networks.known, outcome.id);
  // Somebody else may have removed it already.
  return body === undefined ? absent(outcome.what, String(outcome.id)) : json(body);
}

export function refusalIn(names: Readonly<Record<string, string>>, answer: Answer): Answer {
  if (answer.kind !== 'refusal' || answer.fields === undefined) return answer;
  const fields: Record<string, readonly RefusalWord[]> = {};
  for (const [field, words] of Object.entries(answer.fields)) {
    const name = names[field] ?? field;
    fields[name] = [...(fields[name] ?? []), ...words];
  }
  return refuseFields(fields, answer.name);
}

/** A subnet by its id, its network or its name; `id:7`, `cidr:10.20.0.0/24` and `name:lan` name the form. */
export function findSubnet(view: NetworkView, text: string): SubnetView | undefined {
  const plain = text.replace(/^(?:cidr|name):/, '');
  const id = networkIdIn(text.replace(/^id:/, ''));
  return (
    view.subnets.find(({ subnet }) => subnet.id === id) ??
    view.subnets.find(({ subnet }) => subnet.cidr === plain) ??
    view.subnets.find(({ subnet }) => subnet.name === plain) ??
    view.subnets.find(({ subnet }) => subnet.name === text)
  );
}

export const noSubnetText = (name: string): string =>
  `There is no subnet ${name}: give its id, or a network such as 10.20.0.0/24.`;

/** The refusal of a text that names no subnet; `undefined`: it names one, or is absent. */
export const refuseSubnet = (view: NetworkView, field: string, text: string | undefined): Refusal | undefined =>
  text === undefined || text === '' || findSubnet(view, text) !== undefined
    ? undefined
    : refuseField(field, noSubnetText(text.slice(0, SHOWN_MAX)));

/** A change of one object. Without `nextId`, one that is added has taken one new id. */
export const makeChange = (
  change: BootChange,
  what: NetworkNoun,
  name: string,
  id: number,
  parts: Pick<WantedChange, 'put' | 'remove' | 'nextId'>,
): WantedChange => ({
  kind: 'change',
  change,
  what,
  name,
  id,
  nextId: change === 'added' ? id + 1 : undefined,
  ...parts,
});

/** The operations on one kind of object: what they list, read, find by the path and render. */
export function networkObjects<T>({
  all,
  idOf,
  find,
  notFound,
  render,
  fields = {},
}: {
  readonly all: (view: NetworkView) => readonly T[];
  readonly idOf: (object: T) => number;
  readonly find: (view: NetworkView, path: ApiCall['path']) => T | undefined;
  /** The refusal of a path that names none. */
  readonly notFound: (path: ApiCall['path']) => Refusal;
  readonly render: (call: ApiCall) => Renderer<T> | Promise<Renderer<T>>;
  /** The names of the parameters, by the fields that refusals name. */
  readonly fields?: Readonly<Record<string, string>>;
}) {
  /** Stores a change, and answers with the object. @param among as in `change` */
  async function store(
    call: ApiCall,
    decide: (draft: NetworkDraft) => WantedChange | Refusal,
    among?: Ipv4Range,
  ): Promise<Answer> {
    const renderObject = await render(call);
    const show = (view: NetworkView, id: number): unknown => {
      const object = all(view).find((candidate) => idOf(candidate) === id);
      return object && renderObject(view, object);
    };
    return refusalIn(fields, await change(call, decide, show, among));
  }
  async function listWhere(call: ApiCall, isListed: (object: T) => boolean): Promise<Answer> {
    const view = await readNetworks(call);
    const renderObject = await render(call);
    return listed(call, all(view).filter(isListed), (object) => renderObject(view, object));
  }
  return {
    store,
    listWhere,
    list: (call: ApiCall): Promise<Answer> => listWhere(call, () => true),
    async read(call: ApiCall): Promise<Answer> {
      const view = await readNetworks(call);
      const object = find(view, call.path);
      return object === undefined ? notFound(call.path) : json((await render(call))(view, object));
    },
    /** Stores a change of the object in the path. */
    changeOne: (
      call: ApiCall,
      decide: (object: T, draft: NetworkDraft) => WantedChange | Refusal,
      among?: Ipv4Range,
    ): Promise<Answer> =>
      store(
        call,
        (draft) => {
          const object = find(draft, call.path);
          return object === undefined ? notFound(call.path) : decide(object, draft);
        },
        among,
      ),
  };
}

type Renderer<T> = (view: NetworkView, object: T) => unknown;
