// Notes for people about a rack, its host or its region: a code and plain parameters. Events carry notes (`daemon.note`, `region.problem`,
// `region.away` …), and `rackboot status` and `rackboot doctor` show those that still apply.
//
// 1. Parameters are texts, numbers and flags, flat among the fields of an event; none is a sentence. `reason` is a text of the operating
//    system or of an error, `said` a text of another host.

import type { Forms, ValueOf } from './event-forms.ts';

/** Every parameter. Each note has a fixed subset of them, and always all of its subset. */
export const NOTE_FIELDS = {
  reason: 'text?',
  said: 'text?',
  file: 'text?',
  setting: 'text?',
  name: 'text?',
  tree: 'text?',
  interface: 'text?',
  network: 'text?',
  networks: 'text?',
  options: 'text?',
  classes: 'text?',
  port: 'number?',
  ip: 'text?',
  host: 'text?',
  client: 'text?',
  why: 'text?',
  url: 'text?',
  where: 'text?',
  status: 'number?',
  system: 'text?',
  processor: 'text?',
  granted: 'number?',
  asked: 'number?',
  seconds: 'number?',
  more: 'number?',
  table: 'text?',
  row: 'number?',
  isUndone: 'flag?',
  kept: 'text?',
  keptMore: 'number?',
  lost: 'text?',
  lostMore: 'number?',
  from: 'text?',
  until: 'text?',
  column: 'text?',
  key: 'text?',
  value: 'text?',
  fault: 'text?',
  place: 'text?',
  found: 'text?',
  max: 'number?',
  rack: 'text?',
  racks: 'text?',
  machine: 'text?',
  ownVersion: 'number?',
  otherVersion: 'number?',
} as const satisfies Forms;
type Fields = { readonly [N in keyof typeof NOTE_FIELDS]: ValueOf<(typeof NOTE_FIELDS)[N]> };

/** A `StateFault` of `machines/desired-state.ts`. */
const STATE_FAULT = ['fault', 'place', 'found', 'max'] as const;

/**
 * Why an address of a region gives no complete answer. With `failed` and `untrusted` (TLS), `said` holds the system's error text.
 * `hanging`: another address answers. `interim`: too many interim answers (1xx) came before one.
 */
export type LinkFault = 'failed' | 'untrusted' | 'late' | 'silent' | 'cut' | 'too-large' | 'hanging' | 'interim';

/** The parameters of each note, by its code. */
const NOTES = {
  // Sockets, interfaces and the service manager (`net/host-note.ts`). Buffers are in bytes.
  'sockets-chosen': [],
  'sockets-of-system': ['system', 'processor'],
  'sockets-without-libc': ['reason'],
  'replies-broadcast': [],
  'frames-refused': ['reason'],
  'mtu-reports-believed': ['setting'],
  'receive-buffer-small': ['granted', 'asked'],
  'send-buffer-small': ['granted', 'asked'],
  'port-shared': ['port', 'interface'],
  'arp-unheard': ['reason'],
  'routers-unanswered': ['reason'],
  'polling-chosen': [],
  'polling-needed': ['reason'],
  'manager-socket-invalid': ['name'],
  'manager-without-libc': ['reason'],
  'manager-unreached': ['reason'],
  'manager-refuses': ['reason'],
  // The configuration.
  'files-open-to-all': ['networks'],
  'recursion-open-to-all': ['networks'],
  'proxy-options-idle': ['network', 'options'],
  'proxy-classes-idle': ['network', 'classes'],
  'config-unwatched': ['file', 'reason'],
  // The rack.
  'tree-unwatched': ['tree', 'reason'],
  'journal-silent': ['seconds'],
  // `where`: its addresses and ports.
  'listener-forgone': ['where', 'reason'],
  'interface-absent': ['interface'],
  'interface-down': ['interface'],
  'interface-unlinked': ['interface'],
  'interface-unaddressed': ['interface', 'ip'],
  'own-address-used': ['ip', 'interface', 'host', 'seconds'],
  'probes-blind': [],
  // `kept`: the addresses of its last good answer.
  'ntp-name-unresolved': ['name', 'reason', 'kept'],
  'ntp-addresses-unused': ['reason'],
  // Its leases. `table` is `log` or `lease_block`, `row` the key of its row; `kept` and `lost` are addresses, `keptMore` and `lostMore` how
  // many more there are.
  'leases-lost': ['file'],
  'leases-emptied': ['file'],
  'leases-restored': ['file'],
  'leases-moved': ['file'],
  'leases-damaged': ['file', 'table', 'row', 'isUndone', 'kept', 'keptMore', 'lost', 'lostMore'],
  'ends-unread': ['file', 'reason'],
  'ends-unwritten': ['file', 'reason'],
  'mark-unread': ['file', 'reason'],
  'mark-unwritten': ['file', 'reason'],
  // The region. `more`: how many similar ones there were.
  'request-failed': ['more', 'reason'],
  'connection-ended': ['client', 'more', 'why'],
  'listener-waits': ['reason'],
  // `kept`: a `FilesInForce` of `boot-store.ts`.
  'sources-unusable': ['reason', 'kept'],
  'certificate-expired': ['file', 'until'],
  'certificate-early': ['file', 'from'],
  'certificate-expiring': ['file', 'until'],
  'key-readable': ['file'],
  'state-unacknowledged': ['machine', 'racks', 'seconds'],
  'state-unkept': ['file', 'reason'],
  'state-invalid': STATE_FAULT,
  'images-unread': ['reason'],
  'images-uncopied': ['reason'],
  'images-unkept': ['reason'],
  // `name`: of an image or a source.
  'import-bug': ['name', 'reason'],
  // `rack`: the UUID that the rack has now.
  'identity-restored': ['file', 'rack'],
  'identity-lost': ['file', 'rack'],
  'key-lost': ['file'],
  'cache-unread': ['file', 'reason'],
  'cache-invalid': ['file', ...STATE_FAULT],
  'region-older': ['ownVersion', 'otherVersion', 'file'],
  'loopback-only': [],
  'configurations-differ': ['name', 'setting', 'more'],
  'name-shared': ['name', 'where'],
  'database-slow': ['seconds'],
  // Its store (`store-outage.ts`).
  'database-unusable': ['fault', 'said'],
  'database-refuses': ['fault', 'said'],
  'database-asks-password': [],
  'database-untrusted': ['said'],
  'database-statement': ['said'],
  'database-silent': ['seconds'],
  'database-read-only': [],
  'database-standby': [],
  'database-copied': [],
  'database-pooled': [],
  'database-newer': ['ownVersion', 'otherVersion'],
  'database-older': ['ownVersion', 'otherVersion'],
  'changes-unconfirmed': [],
  'change-not-made': [],
  'change-unconfirmed': [],
  'change-unknown': ['said'],
  'file-full': ['file', 'said'],
  'file-unusable': ['file', 'said'],
  'store-trouble': ['reason'],
  // Why the region stopped.
  'region-failed': ['reason'],
  'region-ended': [],
  // The link to a remote region. `fault` is a `LinkFault`; `max` its seconds, bytes or number; `more`: how many further addresses do not answer as
  // a region. `link-foreign`: something else answers there; `where` it redirects to, or empty.
  'link-failed': ['reason'],
  'link-unanswered': ['url', 'fault', 'said', 'max', 'more'],
  'link-foreign': ['url', 'status', 'where', 'more'],
  'link-answers': ['url', 'status', 'said'],
  'link-redirected': ['url', 'status', 'where'],
  'link-refused': ['url', 'status', 'said'],
  'link-ended': ['status', 'said'],
  'link-versions': ['ownVersion', 'otherVersion'],
  'rack-unaccepted': ['rack'],
  'key-unknown': ['file', 'said'],
  'region-said': ['said'],
} as const satisfies Readonly<Record<string, readonly (keyof Fields)[]>>;
export type NoteCode = keyof typeof NOTES;

/** The parameters by code. */
export type NoteParams = { readonly [C in NoteCode]: Pick<Fields, (typeof NOTES)[C][number]> };

/** A note. */
export type RackNote<C extends NoteCode = NoteCode> = {
  readonly [K in C]: { readonly note: K } & NoteParams[K];
}[C];

const isCode = (name: string): name is NoteCode => Object.hasOwn(NOTES, name);

/** True if this version knows an event's note and none of its parameters is missing. The caller has checked their types. */
export function isNote(fields: { readonly note?: unknown }): fields is RackNote {
  const { note } = fields;
  return (
    typeof note === 'string' && isCode(note) && NOTES[note].every((name) => Reflect.get(fields, name) !== undefined)
  );
}
