// Refusals as values: a name, which is counted and sent in a header, and the sentence that a user reads.
//
//   room ─ refusal(name, text) ─► value ─► API's JSON, page, log
//
// 1. The text is written where it is thrown, and names the value and the remedy. One that several
//    rules use stands beside one of them.

import type { z } from 'zod';

/** The meaning of a name: one sentence and its remedy, for the document of all names. */
interface Meaning {
  readonly status: number;
  readonly explain: string;
}

export const REFUSALS = {
  'invalid-parameters': {
    status: 400,
    explain: 'A parameter is missing or has the wrong form; the answer names each one and its expected form.',
  },
  'unknown-operation': { status: 400, explain: 'The path has no such `op`; the answer lists those it has.' },
  'setting-invalid': { status: 400, explain: 'The value does not fit its key; the answer names the accepted values.' },
  'setting-unknown': { status: 400, explain: 'No setting has that name.' },
  'settings-limit': { status: 403, explain: 'The store has the maximum number of settings; remove some.' },
  'networks-limit': { status: 403, explain: 'The region has the maximum number of such network objects; remove some.' },
  'api-keys-limit': { status: 403, explain: 'The account has the maximum number of API keys; delete one.' },
  'bad-request': { status: 400, explain: 'The request itself is malformed.' },
  'not-authenticated': {
    status: 401,
    explain: 'The API key is invalid or missing; `sudo rackboot apikey` prints a new one.',
  },
  'not-allowed': { status: 403, explain: 'The caller is authenticated but may not do this; an administrator may.' },
  'not-from-here': { status: 403, explain: 'Machines enlist only from managed networks; the caller is not in one.' },
  'sign-in-by-rack': {
    status: 403,
    explain: "Users cannot sign in through a remote rack; open the region's own address.",
  },
  'not-owner': {
    status: 403,
    explain: 'The machine belongs to another user; its owner and administrators may do this.',
  },
  'not-this-boot': {
    status: 403,
    explain: "The caller lacks the token of a machine's current boot, or is not at its address.",
  },
  'rack-pending': { status: 403, explain: 'The rack is waiting for an administrator: `rackboot racks accept NAME`.' },
  'rack-rejected': {
    status: 403,
    explain: 'An administrator has rejected the rack; remove it to let it register again.',
  },
  'rack-key': { status: 403, explain: 'The key belongs to another rack, or the rack registered with another key.' },
  'rack-embedded': { status: 403, explain: "The rack of the region's own process cannot be rejected or removed." },
  'new-machines-limit': {
    status: 403,
    explain:
      'There are already region.new_machines_max New machines, and a machine that has not booted cannot replace any of them; accept or delete some.',
  },
  'added-machines-limit': {
    status: 403,
    explain:
      'The user is not an administrator, and has reached the limit for added machines that have not booted yet; boot some, or have an administrator delete some.',
  },
  'machines-limit': { status: 403, explain: 'The region has the maximum number of machines; delete some.' },
  'uploads-limit': { status: 403, explain: 'The region takes no further upload at the moment; the answer says why.' },
  'not-found': { status: 404, explain: 'Nothing has that name.' },
  'method-not-allowed': {
    status: 405,
    explain: 'The path does not support the method; the answer lists those it supports.',
  },
  'transition-not-allowed': { status: 409, explain: "The life cycle has no such step from the machine's state." },
  'machine-in-use': { status: 409, explain: 'The machine is at work or has an owner; release it first.' },
  'in-use': {
    status: 409,
    explain: 'Another object uses this one; the answer names it. Remove or move that object first.',
  },
  'boots-profile': {
    status: 409,
    explain:
      'The machine boots a profile, so it would not boot what is deployed; `rackboot machine leave-profile SYSTEM-ID` lets it go on with its life.',
  },
  'machine-locked': { status: 409, explain: 'The machine is locked; `rackboot machines unlock` unlocks it.' },
  'layout-refused': {
    status: 409,
    explain: 'The network or the disks of the machine cannot have this layout; the answer says why.',
  },
  'domain-in-use': {
    status: 409,
    explain:
      'The domain is the default one, or has machines, devices, records or reserved addresses; the answer says which.',
  },
  'owner-data-limit': {
    status: 409,
    explain:
      'The machine, or all machines of its owner together, have the maximum of owner data; remove keys by giving them empty values.',
  },
  'nothing-matches': {
    status: 409,
    explain: 'No Ready machine meets the conditions; accept or release one, or ask for less.',
  },
  'no-ssh-key': {
    status: 409,
    explain: 'The owner has no SSH key, so no login would be possible; `rackboot sshkeys add` adds one.',
  },
  'image-missing': {
    status: 409,
    explain:
      'There is no image of that system for the architecture of the machine; `rackboot images make-debian` builds one, `rackboot images add` adds an existing one.',
  },
  'address-refused': { status: 409, explain: 'The requested address cannot be assigned; the answer says why.' },
  'power-by-hand': {
    status: 409,
    explain:
      'Rackboot cannot switch the machine: it has no power driver, or its proposed driver has not been accepted.',
  },
  'addresses-exhausted': {
    status: 409,
    explain: 'All addresses of the static range are assigned; release a machine, or widen the range.',
  },
  'preseed-faulty': {
    status: 409,
    explain: 'A preseed template has an error; the answer names file, line and remedy.',
  },
  'setting-read-only': {
    status: 409,
    explain: 'The value is pinned in a configuration file; the answer names file and key.',
  },
  'rack-version': {
    status: 409,
    explain: 'Rack and region speak different versions of their link; update the older one.',
  },
  'rack-name': { status: 409, explain: 'Another accepted rack has the name; rename one of them.' },
  'rack-network': {
    status: 409,
    explain: 'The rack has no networks, or lacks the one that it should share; check its networks.',
  },
  'upload-conflict': {
    status: 409,
    explain: 'The upload does not take this piece now; the answer says what it needs.',
  },
  'tag-changed': {
    status: 409,
    explain: 'The tag has another definition than the one by which the machines were chosen.',
  },
  'unknown-version': { status: 410, explain: 'The API has only the versions 1.0 and 2.0.' },
  'body-too-large': { status: 413, explain: 'The body is longer than the region accepts.' },
  'rack-length': {
    status: 413,
    explain:
      'A rack that is not accepted sends too much about its interfaces; update it, or let it register with an administrator’s key.',
  },
  'unknown-body': { status: 415, explain: 'The body is neither a form nor JSON.' },
  'rate-limit': { status: 429, explain: 'Too many requests without credentials came from one address; wait a little.' },
  'rate-limit-network': {
    status: 429,
    explain: 'Too many requests without credentials came from one network; wait a little.',
  },
  'rate-limit-all': {
    status: 429,
    explain: 'Too many requests without credentials came from all addresses together; wait a little.',
  },
  'racks-limit': { status: 429, explain: 'Too many racks wait to be accepted; accept or reject some.' },
  'followers-limit': { status: 429, explain: 'Too many clients follow the event log; end one of them.' },
  'lists-limit': {
    status: 429,
    explain:
      'Too many long lists and searches are running, and this user has used its share; wait until one has ended.',
  },
  'internal-error': {
    status: 500,
    explain: 'The request failed inside the region; its log has details under the id in the answer.',
  },
  'store-unavailable': {
    status: 503,
    explain: 'The database cannot be written at the moment: a full disk, or another process; try again.',
  },
  'rack-silent': {
    status: 503,
    explain: 'A rack cannot be reached, or did not answer in time; the answer names it.',
  },
  // As MAAS while a power action is in progress (its API middleware). It is not a 409, because
  // nothing has to be changed before the request is repeated: `Retry-After` says when (RFC 9110
  // §15.6.4), and gomaasapi repeats the request then.
  'power-busy': { status: 503, explain: 'The power of the machine is being switched; wait until that has ended.' },
  'bodies-limit': {
    status: 503,
    explain: 'Too many large bodies are arriving, and no place was freed within 20 s; try again in a few seconds.',
  },
  'downloads-limit': {
    status: 503,
    explain: 'Too many images are being downloaded from the region; the client should try again later.',
  },
  'images-unreadable': {
    status: 503,
    explain: 'A process of the region cannot read its directory of images; the answer says why.',
  },
} as const satisfies Readonly<Record<string, Meaning>>;

export type RefusalName = keyof typeof REFUSALS;

export interface RefusalWord {
  readonly name: RefusalName;
  readonly text: string;
  /** The part of a parameter with which `text` begins, and the text without it. */
  readonly part?: { readonly name: string; readonly text: string } | undefined;
}

export const refusal = (name: RefusalName, text: string): RefusalWord => ({ name, text });

/** A decision that refuses. */
export const decideRefusal = (
  name: RefusalName,
  text: string,
): { readonly kind: 'refuse'; readonly refusal: RefusalWord } => ({
  kind: 'refuse',
  refusal: refusal(name, text),
});

/** The refusal of one parameter; the answer says which. */
export const fieldRefusal = (text: string): RefusalWord => refusal('invalid-parameters', text);

/** Like `refusal`, for a part of a parameter. */
export const partRefusal = (name: RefusalName, part: string, text: string): RefusalWord => ({
  name,
  text: `${part}: ${text}`,
  part: { name: part, text },
});

/** The refusal of a value by its schema, with the schema's own message or zod's. */
export const wordOfIssue = ({ message }: z.core.$ZodIssue): RefusalWord => fieldRefusal(message);

/** A suggestion to append to a sentence; empty if nothing is similar. */
export const didYouMean = (nearest: string | undefined): string =>
  nearest === undefined ? '' : ` Did you mean ${nearest}?`;

export const REQUIRED = 'This field is required.';
export const TRUE_OR_FALSE = 'Give true or false.';
export const MACS = 'Give hardware addresses such as 52:54:00:00:00:01.';
