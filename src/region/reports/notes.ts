// Notes for people about a rack, its host or its region: a code, plain parameters and a sentence
// with the fact, its consequence and the remedy. Events carry notes (`daemon.note`,
// `region.problem`, `region.away` …), and `rackboot status` and `rackboot doctor` show those that
// still apply. An outage of the region's store is a note within the process, and a sentence where
// it leaves it:
//
//   store ─ StoreOutage(note) ─► API, page, log ─ describeOutage(error) ─► note ─ noteText ─► sentence
//
// 1. Parameters are texts, numbers and flags, flat among the fields of an event; none is a
//    sentence. `reason` is a text of the operating system or of an error, `detail` a text of
//    another host.

import { PROBES_BLIND } from '../../dhcp/events/events.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { Forms, ValueOf } from '../../ground/event.ts';
import { formatBytes } from '../../ground/quantity.ts';
import type { HttpFault } from '../../net/http-client.ts';
import type { ConnectionRefusal } from '../../net/shares/connection-shares.ts';

/** Every parameter. Each note has a fixed subset of them, and always all of its subset. */
const NOTE_FIELDS = {
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
  fault: 'text?',
  max: 'number?',
  rack: 'text?',
  racks: 'text?',
  machine: 'text?',
  ownVersion: 'number?',
  otherVersion: 'number?',
} as const satisfies Forms;
type Fields = { readonly [N in keyof typeof NOTE_FIELDS]: ValueOf<(typeof NOTE_FIELDS)[N]> };

/**
 * Why an address of a region gives no complete answer. With `failed` and `untrusted` (TLS),
 * `detail` holds the system's error text. `hanging`: another address answers. `interim`: too many
 * interim answers (1xx) came before one.
 */
export type LinkFault = HttpFault | 'failed' | 'untrusted' | 'hanging';

/** A note with some of the parameters. */
const defineNote = <N extends keyof Fields>(fields: readonly N[], text: (params: Pick<Fields, N>) => string) => ({
  fields,
  text,
});

/** Remedies for a database that cannot be used now. */
const FAULTS = {
  'disk-full': "make room on the database's disk",
  'connections-taken': 'the database has no connection left: raise its max_connections, or lower region.store.pool',
  'short-of-resources': 'the database has too little memory or disk: see its log',
  'read-only':
    'it only reads: turn default_transaction_read_only off; if it is a standby, name the primary in region.store.url',
  'not-ready': 'it accepts no connections, or lacks a prerequisite: see ALLOW_CONNECTIONS, and its log',
  'in-use': 'another session uses the needed object: see pg_stat_activity',
  configuration: 'the configuration of the database has a fault: see its log',
  stopping: 'the database is stopping or starting: see its log, and whether its disk has room',
  slow: 'the database took too long: see its load',
  locked: 'another process has held a lock for too long: see pg_stat_activity',
  'transaction-held': 'this process held a transaction for too long: see the load of its host',
  'changes-collide': 'too many changes at once: try again',
  'connection-lost': 'the connection was lost: see whether the database runs and its disk has room, and its log',
  'files-failing': "the database cannot use its files: see its log and the kernel's",
  damaged: 'the database is damaged: see its log, and restore a backup',
  'pool-taken': 'all connections of region.store.pool are in use, or the database does not answer: see its load',
  unreached: 'see whether the database runs and its disk has room, and region.store.url',
};

/** Remedies for a database that refuses. */
const REFUSALS = {
  'wrong-password': 'the password is wrong: write the right one to the file region.store.password_file',
  'not-admitted': 'see its pg_hba.conf, and the user and the name of the database in region.store.url',
  'no-such-database': 'create the database with createdb(1), or correct its name in region.store.url',
  'not-owner': 'the user lacks the right: make it the owner of the database',
  'table-missing': 'a table is missing: see the search_path of the user, or restore a backup',
  'column-missing': 'a column is missing: restore a backup',
  'another-server': 'it does not speak the protocol of PostgreSQL: see the host and the port in region.store.url',
};

/** Why a database cannot be used for now. It may recover without help, or after an operator repairs it. */
export type DatabaseFault = keyof typeof FAULTS;
/** Why a database refuses this user, until an operator changes the database or the configuration. */
export type DatabaseRefusal = keyof typeof REFUSALS;

/** A process that runs reads a corrected file without help; a start or a command that is refused ends. */
const READ_AGAIN = ', which is read again for each connection';

/** @param isRunning true: in a process that runs */
function refusesText({ fault, said }: Pick<Fields, 'fault' | 'said'>, isRunning: boolean): string {
  const again = isRunning && fault === 'wrong-password' ? `${READ_AGAIN}, without a restart` : '';
  return `the region's database refuses${formatQuote(said)}: ${getTextByCode(REFUSALS, fault)}${again}`;
}

function untrustedText({ said }: Pick<Fields, 'said'>, isRunning: boolean): string {
  const again = isRunning ? READ_AGAIN : '';
  return `the region's database cannot be trusted${formatQuote(said)}: see region.store.ca_file${again}, and the certificate of the database`;
}

/** The text of a code; the code itself if only a later version has a text for it. */
const getTextByCode = (texts: Readonly<Record<string, string>>, code: string): string =>
  Object.entries(texts).find(([name]) => name === code)?.[1] ?? code;

const UNCONFIRMED = "the region's database does not confirm changes, because its synchronous standby is missing";
const STANDBY = 'start the standby, or take it out of synchronous_standby_names';

/** A text of the database or the system; it is empty for a person who may not see it. */
const formatQuote = (detail: string): string => (detail === '' ? '' : ` (${detail})`);

const OUTAGES = {
  // Its store.
  'database-unusable': defineNote(
    ['fault', 'said'],
    ({ fault, said }) =>
      `the region's database cannot be used now${formatQuote(said)}: ${getTextByCode(FAULTS, fault)}`,
  ),
  'database-refuses': defineNote(['fault', 'said'], (params) => refusesText(params, true)),
  'database-asks-password': defineNote(
    [],
    () => "the region's database asks for a password: write it to a file, and name that in region.store.password_file",
  ),
  'database-untrusted': defineNote(['said'], (params) => untrustedText(params, true)),
  'database-silent': defineNote(
    ['seconds'],
    ({ seconds }) =>
      `the region's database cannot be used now (it has not answered for ${seconds} s): see whether it runs, its load, and the network to it`,
  ),
  'database-read-only': defineNote(
    [],
    () => "the region's database cannot be used now: default_transaction_read_only is on; turn it off",
  ),
  'database-standby': defineNote(
    [],
    () =>
      "the region's database cannot be used now (it is a standby, which only reads): promote it, or name the primary in region.store.url",
  ),
  'database-copied': defineNote(
    [],
    () => "the region's database is being copied: wait until `rackboot region copy` or `restore` has ended",
  ),
  'database-pooled': defineNote(
    [],
    () =>
      "the region's database cannot be used now (a connection pooler is in front of it, which does not pass on settings, locks and messages): name the server itself in region.store.url; region.store.pool limits its connections",
  ),
  'database-newer': defineNote(
    ['ownVersion', 'otherVersion'],
    ({ ownVersion, otherVersion }) =>
      `the region's database cannot be used now (a newer Rackboot gave it version ${otherVersion}; this process knows ${ownVersion}): upgrade this process`,
  ),
  'database-older': defineNote(
    ['ownVersion', 'otherVersion'],
    ({ ownVersion, otherVersion }) =>
      `the region's database cannot be used now (it has version ${otherVersion} now; this process knows ${ownVersion}): restart this process`,
  ),
  'changes-unconfirmed': defineNote([], () => `${UNCONFIRMED}: ${STANDBY}`),
  'change-not-made': defineNote([], () => `${UNCONFIRMED}: this change was not made; repeat it later (${STANDBY})`),
  'change-unconfirmed': defineNote(
    [],
    () =>
      `${UNCONFIRMED}: whether this change was stored is unknown until the database confirms changes again; check the result then, before you repeat it (${STANDBY})`,
  ),
  'change-unknown': defineNote(
    ['said'],
    ({ said }) =>
      `the region's database was lost while it stored a change${formatQuote(said)}, and whether the change was stored is unknown: check the result before you repeat it`,
  ),
  'file-full': defineNote(
    ['file', 'said'],
    ({ file, said }) => `${file} cannot be used now${formatQuote(said)}: make room on its disk`,
  ),
  'file-unusable': defineNote(
    ['file', 'said'],
    ({ file, said }) =>
      `${file} cannot be used now${formatQuote(said)}: check which process holds it, and whether its disk fails`,
  ),
  'store-trouble': defineNote(['reason'], ({ reason }) =>
    reason === '' ? "the region's store cannot be used now: its log says why" : reason,
  ),
};

const smallBuffer = (buffers: string, follows: string, setting: string) => {
  return ({ granted, asked }: { readonly granted: number; readonly asked: number }): string =>
    `${buffers} hold ${formatBytes(granted)} instead of ${formatBytes(asked)}, so ${follows}: sysctl -w ${setting}=${asked}.`;
};

const openToAll = (key: string, deed: string) => {
  return ({ networks }: { readonly networks: string }): string =>
    `${key} has ${networks}: hosts all over the Internet may ${deed}, and an attacker who forges source addresses can make ` +
    'this rack flood other hosts; name only the networks of your machines, or block the port for others in a firewall.';
};

const isOrAre = (names: string): string => (names.includes(',') ? 'are' : 'is');

function leasesDamaged({
  file,
  table,
  isUndone,
  ...damage
}: Pick<Fields, 'file' | 'table' | 'row' | 'isUndone' | 'kept' | 'keptMore' | 'lost' | 'lostMore'>): string {
  const row = `${table === 'log' ? 'batch' : 'block'} ${damage.row}`;
  const check = 'Check the memory and the disk of this host';
  const all = (addresses: string, more: number): string =>
    addresses === '' ? 'none' : `${addresses}${more === 0 ? '' : ` and ${more} more`}`;
  const keptText = all(damage.kept, damage.keptMore);
  if (isUndone) {
    const whose = damage.kept === '' ? 'a checksum' : `the lease of ${keptText}`;
    return `${file} holds damaged leases: one flipped bit in ${whose} (${row}) was found and corrected, and no lease is lost. ${check}.`;
  }
  const rest = table === 'log' ? ' An address that was itself damaged is not listed.' : '';
  return (
    `${file} holds damaged leases: ${row} has changed since it was written. ` +
    `These readable leases are kept and probed before they are offered: ${keptText}. Set aside for an hour, because a lease may be lost: ${all(damage.lost, damage.lostMore)}.${rest} ` +
    `${check}; if machines clash, stop Rackboot and restore a backup. To free an address that is set aside: rackboot leases clear ADDRESS.`
  );
}

/** The imports of a region as long as the site's file of sources has an error. */
const SOURCES_IN_FORCE: Readonly<Record<string, string>> = {
  last: 'As long as it has this error, its last good version stays in force: correct it; `rackboot check` says when it is right.',
  sources:
    'As long as they have this error, none of its selections is in force: correct them; `rackboot check` says when they are right.',
  none: 'As long as it has this error, the region imports nothing from sources of files: correct it; `rackboot check` says when it is right.',
};

/** Why the API ended a connection. */
const ENDED: Readonly<Record<ConnectionRefusal, string>> = {
  'too-many-connections': 'it held more than its share while all connections were taken, or waited too long for one',
  'too-slow': 'its body stopped arriving',
  'tiny-chunks': 'its body arrived in thousands of tiny pieces',
  'body-gave-way': 'its large body arrived slowly, or was one of too many, while others waited for its place',
};
const endedBecause = (why: string): string => Object.entries(ENDED).find(([name]) => name === why)?.[1] ?? why;

/** Why an address of the region does not answer. */
const LINK_FAULTS: Readonly<Record<LinkFault, (params: { readonly said: string; readonly max: number }) => string>> = {
  failed: ({ said }) => said,
  untrusted: ({ said }) => `${said}; region.ca_file names the file with the certificate of its authority`,
  late: ({ max }) => `no complete answer within ${max} s`,
  silent: ({ max }) => `silent for ${max} s`,
  cut: () => 'the connection ended before the answer was complete',
  'too-large': ({ max }) => `its answer is larger than ${counted(max, 'byte')}, or arrives in too many pieces`,
  interim: ({ max }) =>
    `it sends more than ${counted(max, 'interim answer')} (1xx) and no other: correct region.url, or the proxy between`,
  hanging: () => 'it answers no ping, but another address of region.url does; the rack uses that one',
};
const linkFault = ({
  url,
  fault,
  said,
  max,
  more,
}: Pick<Fields, 'url' | 'fault' | 'said' | 'max' | 'more'>): string => {
  const why = Object.entries(LINK_FAULTS).find(([code]) => code === fault)?.[1]({ said, max }) ?? fault;
  return `${url} does not answer: ${why}${othersToo(more, 'not answer')}`;
};
/** Something other than a region answers at one of its addresses. */
const foreignAnswer = ({ url, status, where, more }: Pick<Fields, 'url' | 'status' | 'where' | 'more'>): string => {
  const redirects = where === '' ? '' : ` and redirects to ${where}`;
  const remedy = "correct this address in region.url, or the proxy between; it must pass on the region's answers whole";
  return `${url} answers ${status}${redirects}, but is not a Rackboot region: ${remedy}${othersToo(more, 'not answer as a region')}`;
};
const othersToo = (more: number, what: string): string =>
  more === 0
    ? ''
    : `; ${counted(more, 'other address', 'other addresses')} of region.url ${more === 1 ? 'does' : 'do'} ${what} either`;

/** Every note: its parameters and its sentence. */
const NOTES = {
  // Sockets, interfaces and the service manager (`net/host-note.ts`). Buffers are in bytes.
  'frames-refused': defineNote(
    ['reason'],
    ({ reason }) =>
      `Replies to machines without an address are broadcast, because frames to hardware addresses need CAP_NET_RAW (${reason}).`,
  ),
  'receive-buffer-small': defineNote(
    ['granted', 'asked'],
    smallBuffer('Receive buffers', 'a burst of requests may be lost', 'net.core.rmem_max'),
  ),
  'send-buffer-small': defineNote(
    ['granted', 'asked'],
    smallBuffer('Send buffers', 'absent hosts can delay replies to other hosts', 'net.core.wmem_max'),
  ),
  'arp-unheard': defineNote(
    ['reason'],
    ({ reason }) =>
      `Addresses are offered without probing whether a host uses them, because ARP cannot be received here (${reason}); that needs CAP_NET_RAW.`,
  ),
  'routers-unanswered': defineNote(
    ['reason'],
    ({ reason }) =>
      `iPXE waits about 13 s for an IPv6 router where there is none, because its router solicitations cannot be answered here (${reason}); that needs CAP_NET_RAW.`,
  ),
  'interfaces-unheard': defineNote(
    ['reason'],
    ({ reason }) =>
      `Rackboot reads the interfaces of the host only every 10 s, because the kernel cannot report changes here (${reason}).`,
  ),
  'manager-socket-invalid': defineNote(
    ['name'],
    ({ name }) => `the service manager's socket has an invalid name: ${name}`,
  ),
  'manager-unreached': defineNote(['reason'], ({ reason }) => `the service manager gets no reports: ${reason}`),
  'manager-refuses': defineNote(['reason'], ({ reason }) => `the service manager does not accept reports: ${reason}`),
  // The configuration.
  'files-open-to-all': defineNote(
    ['networks'],
    openToAll('tftp.allow', 'load every file of the boot tree from this rack'),
  ),
  'recursion-open-to-all': defineNote(
    ['networks'],
    openToAll('dns.allow_recursion', 'use this rack to resolve every name'),
  ),
  'proxy-options-idle': defineNote(
    ['network', 'options'],
    ({ network, options }) =>
      `${network} is in proxy mode, and another DHCP server sends its options: ${options} of dhcp.options ` +
      `${isOrAre(options)} not sent there; configure them on that server.`,
  ),
  'proxy-classes-idle': defineNote(
    ['network', 'classes'],
    ({ network, classes }) =>
      `${network} is in proxy mode, and another DHCP server gives its addresses and options: options and lease times of ` +
      `${classes} of dhcp.classes have no effect there; configure them on that server.`,
  ),
  'config-unwatched': defineNote(
    ['file', 'reason'],
    ({ file, reason }) => `cannot watch ${file}: ${reason}; reload by SIGHUP`,
  ),
  // The rack.
  'tree-unwatched': defineNote(
    ['tree', 'reason'],
    ({ tree, reason }) => `the boot tree ${tree} cannot be watched (${reason}): it is scanned periodically instead`,
  ),
  'journal-silent': defineNote(
    ['seconds'],
    ({ seconds }) =>
      `the lease journal has not answered for ${seconds} s: the service manager will restart this process`,
  ),
  // `where`: its addresses and ports.
  'listener-forgone': defineNote(
    ['where', 'reason'],
    ({ where, reason }) => `HTTP goes on without ${where}: ${reason}`,
  ),
  'interface-absent': defineNote(['interface'], (note) => `${note.interface} does not exist`),
  'interface-renamed': defineNote(
    ['interface', 'ip', 'where', 'network'],
    (note) =>
      `${note.interface} does not exist, and ${note.where} has its address ${note.ip}; if it was renamed: ` +
      `rackboot config set cluster_interfaces.${note.network}.interface ${note.where}`,
  ),
  'interface-down': defineNote(['interface'], (note) => `${note.interface} is down`),
  'interface-unlinked': defineNote(['interface'], (note) => `${note.interface} has no carrier`),
  'interface-unaddressed': defineNote(
    ['interface', 'ip'],
    (note) => `${note.interface} does not have the address ${note.ip}`,
  ),
  'own-address-used': defineNote(
    ['ip', 'interface', 'host', 'seconds'],
    (note) =>
      `${note.ip}, this rack’s own address on ${note.interface}, is used by another host, ${note.host} ` +
      `(seen ${counted(note.seconds, 'second')} ago): machines may send to that host instead of the rack. Remedy: find the port of that hardware ` +
      'address in the address table of the switch; give the host another address, or disconnect it.',
  ),
  'probes-blind': defineNote([], () => PROBES_BLIND),
  // `keptText`: the addresses of its last good answer.
  'ntp-name-unresolved': defineNote(
    ['name', 'reason', 'kept'],
    ({ name, reason, kept }) =>
      `The NTP server ${name} cannot be looked up (${reason}), and DHCP has only addresses: ` +
      (kept === '' ? 'it does not offer this server.' : `it still offers ${kept}.`),
  ),
  'ntp-addresses-unused': defineNote(
    ['reason'],
    ({ reason }) => `The new addresses of NTP servers are not in force: ${reason}`,
  ),
  // Its leases. `table` is `log` or `lease_block`, `row` the key of its row; `keptText` and `lost`
  // are addresses, `keptMore` and `lostMore` how many more there are.
  'leases-lost': defineNote(
    ['file'],
    ({ file }) =>
      `${file} holds no leases, though this rack has run before: the rack may offer addresses that machines still use. Stop Rackboot, ` +
      'restore leases.db and leases.db-wal from a backup and start it again. ' +
      'If you moved the file away on purpose, there is nothing to do: machines get their leases back as they renew them.',
  ),
  'leases-restored': defineNote(
    ['file'],
    ({ file }) =>
      `${file} was restored from a copy, or was never used here: it lacks the leases granted since the copy was made. Before the rack offers a machine ` +
      'the address of its lease again, it probes whether another host uses that address; renewals are answered as usual. ' +
      'You need not do anything. If addresses clash, end the lease of the wrong machine: sudo rackboot leases end ADDRESS.',
  ),
  'leases-damaged': defineNote(
    ['file', 'table', 'row', 'isUndone', 'kept', 'keptMore', 'lost', 'lostMore'],
    leasesDamaged,
  ),
  'backup-failed': defineNote(['file', 'reason'], ({ file, reason }) => `the backup ${file} failed: ${reason}`),
  'ends-unwritten': defineNote(
    ['file', 'reason'],
    ({ file, reason }) => `${file}: ${reason}; ended leases may be reported twice`,
  ),
  'mark-unwritten': defineNote(
    ['file', 'reason'],
    ({ file, reason }) => `${file}: ${reason}; the next start checks the leases like a restored copy`,
  ),
  // The region. `more`: how many similar ones there were.
  'request-failed': defineNote(
    ['more', 'reason'],
    ({ more, reason }) =>
      `a request failed inside the region${more === 0 ? '' : `, with ${more} more since the last one`}: ${reason}`,
  ),
  'connection-ended': defineNote(
    ['client', 'more', 'why'],
    ({ client, more, why }) =>
      `the API ended a connection from ${client}${more === 0 ? '' : `, and ${more} more before it`}: ${endedBecause(why)}`,
  ),
  'listener-waits': defineNote(['reason'], ({ reason }) => reason),
  // `keptText`: a `FilesInForce` of `boot-store.ts`.
  'sources-unusable': defineNote(
    ['reason', 'kept'],
    ({ reason, kept }) => `${reason.replaceAll('\n', ' ')}. ${SOURCES_IN_FORCE[kept] ?? ''}`,
  ),
  'certificate-expired': defineNote(
    ['file', 'until'],
    ({ file, until }) => `the certificate ${file} expired at ${until}: clients refuse it; renew it`,
  ),
  'certificate-early': defineNote(
    ['file', 'from'],
    ({ file, from }) => `the certificate ${file} is valid from ${from} on: is this host's clock right?`,
  ),
  'certificate-expiring': defineNote(
    ['file', 'until'],
    ({ file, until }) => `the certificate ${file} expires at ${until}: renew it`,
  ),
  'key-readable': defineNote(
    ['file'],
    ({ file }) => `every user of this host can read the key ${file}: chmod 600 ${file}`,
  ),
  'state-unacknowledged': defineNote(
    ['machine', 'racks', 'seconds'],
    ({ machine, racks, seconds }) =>
      `${machine} is switched on although ${racks} did not acknowledge its state within ${seconds} s: it may boot as in its previous state`,
  ),
  'state-unkept': defineNote(['file', 'reason'], ({ file, reason }) => `${file}: ${reason}`),
  'state-invalid': defineNote(['reason'], ({ reason }) => reason),
  'images-unread': defineNote(['reason'], ({ reason }) => `the images of this rack cannot be listed: ${reason}`),
  'images-uncopied': defineNote(
    ['reason'],
    ({ reason }) => `some images of the region are not copied yet; the rack tries again: ${reason}`,
  ),
  'images-unkept': defineNote(
    ['reason'],
    ({ reason }) => `the region cannot finish its work on the images of this host; it tries again: ${reason}`,
  ),
  // `name`: of an image or a source.
  'import-bug': defineNote(
    ['name', 'reason'],
    ({ name, reason }) =>
      `the import of ${name} failed with an error of Rackboot, and the other imports continue; report it: ${reason}`,
  ),
  'cache-unread': defineNote(['file', 'reason'], ({ file, reason }) => `${file}: ${reason}`),
  'loopback-only': defineNote(
    [],
    () =>
      'region.listen has only loopback addresses: racks on other hosts cannot reach this region unless a proxy on this host passes their requests on',
  ),
  'configurations-differ': defineNote(
    ['name', 'setting', 'more'],
    ({ name, setting, more }) =>
      `the process ${name} of this region has other values of ${setting.replaceAll(' ', ', ')}${more === 0 ? '' : ` and ${more} more`} in its configuration file: make the files equal, or each process decides by its own`,
  ),
  'name-shared': defineNote(
    ['name', 'where'],
    ({ name, where }) =>
      `another process of this region has the name ${name}, too${where === '' ? '' : `: that on ${where}`}. Logs and status cannot tell them apart: give each its own name in its configuration file, or remove the key name, so that each has its host's`,
  ),
  'database-slow': defineNote(
    ['seconds'],
    ({ seconds }) => `the database did not close within ${seconds} s; every change that it confirmed is stored`,
  ),
  // Why the region stopped.
  'region-failed': defineNote(['reason'], ({ reason }) => reason),
  'region-ended': defineNote([], () => 'its thread ended'),
  // The link to a remote region. `fault` is a `LinkFault`; `max` its seconds, bytes or number;
  // `more`: how many further addresses do not answer as a region. `link-foreign`: something else
  // answers there; `where` it redirects to, or empty.
  'link-failed': defineNote(['reason'], ({ reason }) => reason),
  'link-unanswered': defineNote(['url', 'fault', 'said', 'max', 'more'], linkFault),
  'link-foreign': defineNote(['url', 'status', 'where', 'more'], foreignAnswer),
  'link-answers': defineNote(['url', 'status', 'said'], ({ url, status, said }) => `${url} answers ${status}: ${said}`),
  'link-redirected': defineNote(
    ['url', 'status', 'where'],
    ({ url, status, where }) =>
      `${url} answers ${status} and redirects${where === '' ? '' : ` to ${where}`}, which is not followed: set region.url to the region itself`,
  ),
  'link-refused': defineNote(
    ['url', 'status', 'said'],
    ({ url, status, said }) => `${url} does not register this rack: ${status} ${said}`,
  ),
  'link-ended': defineNote(['status', 'said'], ({ status, said }) => `the region answers ${status}: ${said}`),
  'link-versions': defineNote(
    ['ownVersion', 'otherVersion'],
    ({ ownVersion, otherVersion }) =>
      `the region speaks version ${otherVersion} of the link, this rack version ${ownVersion}: update ${otherVersion < ownVersion ? 'the region' : 'the rack'}`,
  ),
  'rack-unaccepted': defineNote(
    ['rack'],
    ({ rack }) => `accept this rack on its region: sudo rackboot racks accept ${rack}`,
  ),
  'key-unknown': defineNote(
    ['file', 'said'],
    ({ file, said }) => `the region does not know the key in ${file}: ${said}`,
  ),
  'region-said': defineNote(['said'], ({ said }) => said),
  ...OUTAGES,
};
export type NoteCode = keyof typeof NOTES;

/** The parameters by code. */
type NoteParams = { readonly [C in NoteCode]: Parameters<(typeof NOTES)[C]['text']>[0] };

/** A note. */
export type RackNote<C extends NoteCode = NoteCode> = {
  readonly [K in C]: { readonly note: K } & NoteParams[K];
}[C];

/** An outage of the region's store. */
export type Outage = RackNote<keyof typeof OUTAGES>;

const isCode = (name: string): name is NoteCode => Object.hasOwn(NOTES, name);

/**
 * True if this version knows an event's note and none of its parameters is missing. The caller has
 * checked their types.
 */
export function isNote(fields: { readonly note?: unknown }): fields is RackNote {
  const { note } = fields;
  return (
    typeof note === 'string' &&
    isCode(note) &&
    NOTES[note].fields.every((name) => Reflect.get(fields, name) !== undefined)
  );
}

/**
 * True if the change may have been stored. Such a refusal must not ask for a retry: gomaasapi
 * repeats a request after a 503 with `Retry-After`, and would make the change twice.
 */
export const mayBeStored = ({ note }: Outage): boolean => note === 'change-unconfirmed' || note === 'change-unknown';

const TEXTS: { readonly [C in NoteCode]: { readonly text: (params: NoteParams[C]) => string } } = NOTES;
const formatNote = <C extends NoteCode>(note: { readonly note: C } & NoteParams[C]): string =>
  TEXTS[note.note].text(note);
/** The sentence of a note. */
export const noteText = (note: RackNote): string => formatNote(note);

/** The text of an outage that a start or a command meets, which ends. */
export function endingText(outage: Outage): string {
  if (outage.note === 'database-refuses') return refusesText(outage, false);
  if (outage.note === 'database-untrusted') return untrustedText(outage, false);
  return noteText(outage);
}

/** The fields of an event with a note: the note's code and its parameters. */
export const NOTED = { note: 'text', ...NOTE_FIELDS } as const;

/** The sentence of the note within an event; empty for an event that was stored without one. */
export const notedText = (fields: { readonly note?: unknown }): string => (isNote(fields) ? noteText(fields) : '');

/** A note with its sentence, as events carry it to the log. */
type SpokenNote<N extends RackNote> = N & { readonly text: string };

/** Adds its sentence to a note. */
export const withText = <N extends RackNote>(note: N): SpokenNote<N> => ({ ...note, text: noteText(note) });

/**
 * The RackError `store-unavailable` for an outage. Its message is the sentence, for a log and the
 * command line.
 */
export class StoreOutage extends RackError {
  readonly outage: Outage;
  constructor(outage: Outage, options?: { readonly cause?: unknown }) {
    super('store-unavailable', noteText(outage), options);
    this.outage = outage;
  }
}

/** The outage of an error. An error from another part, such as a file that cannot be opened, is quoted. */
export const describeOutage = (error: RackError): Outage =>
  error instanceof StoreOutage ? error.outage : { note: 'store-trouble', reason: error.message };
