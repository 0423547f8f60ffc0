// The sentences of notes: facts about a rack, its host or its region that a person should know. `rackboot status` shows notes; events carry
// them.
//
// 1. A sentence states the fact, its consequence and the remedy.

import { counted } from '../../../counted.ts';
import type { StateFault, StateFaultCode } from '../../../machines/desired-state.ts';
import type { ConnectionRefusal } from '../../../net/shares/connection-shares.ts';
import type { LinkFault, NoteCode, NoteParams, RackNote } from '../../records/rack-note.ts';
import type { Outage } from '../../records/store-outage.ts';
import { OUTAGES, refusesText, untrustedText } from './outages.ts';
import { formatBytes } from './quantity.ts';
import type { Writers } from './table.ts';

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

const leasesLost = (file: string, remark: string): string =>
  `${file} holds no leases, though this rack has run before: the rack may offer addresses that machines still use. Stop Rackboot, ` +
  `restore leases.db and leases.db-wal from a backup and start it again. ${remark}`;

function leasesDamaged({ file, table, isUndone, ...damage }: NoteParams['leases-damaged']): string {
  const row = `${table === 'log' ? 'batch' : 'block'} ${damage.row}`;
  const check = 'Check the memory and the disk of this host';
  const all = (addresses: string, more: number): string =>
    addresses === '' ? 'none' : `${addresses}${more === 0 ? '' : ` and ${more} more`}`;
  const kept = all(damage.kept, damage.keptMore);
  if (isUndone) {
    const whose = damage.kept === '' ? 'a checksum' : `the lease of ${kept}`;
    return `${file} holds damaged leases: one flipped bit in ${whose} (${row}) was found and corrected, and no lease is lost. ${check}.`;
  }
  const rest = table === 'log' ? ' An address that was itself damaged is not listed.' : '';
  return (
    `${file} holds damaged leases: ${row} has changed since it was written. ` +
    `These readable leases are kept and probed before they are offered: ${kept}. Set aside for an hour, because a lease may be lost: ${all(damage.lost, damage.lostMore)}.${rest} ` +
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

type Fault = Omit<StateFault, 'fault'>;
/** The sentences about faults of a desired state. */
const STATE_FAULTS: Readonly<Record<StateFaultCode, (fault: Fault) => string>> = {
  'not-json': () => 'the desired state is not JSON',
  'too-deep': ({ max }) => `the desired state nests deeper than ${counted(max, 'level')}`,
  'too-large': ({ max }) => `the desired state, or one list in it, has more than ${counted(max, 'value')}`,
  'other-schema': ({ place, found, max }) =>
    `${place}: ${found} is not ${max}; rack and region must have the same version`,
  'not-setting': ({ place, found }) => `${place}: ${found} is not a value of a configuration`,
  'not-object': ({ place, found }) => `${place}: ${valueText(found)} is not an object`,
  'not-list': ({ place, found }) => `${place}: ${valueText(found)} is not a list`,
  'too-many': ({ place, max }) => `${place}: more than ${max}`,
  'not-text': ({ place, found }) => `${place}: ${valueText(found)} is not a text`,
  'too-long': ({ place, max }) => `${place}: longer than ${counted(max, 'character')}`,
  'not-integer': ({ place, found, max }) => `${place}: ${valueText(found)} is not a whole number from 0 to ${max}`,
  'not-flag': ({ place, found }) => `${place}: ${valueText(found)} is not true or false`,
  'not-uuid': ({ place, found }) => `${place}: ${valueText(found)} is not a UUID in lower case`,
  'not-token': ({ place }) => `${place}: not 22 to 64 letters, digits, - or _`,
  'not-purpose': ({ place, found }) => `${place}: ${valueText(found)} is not a boot purpose`,
};
/** Values that are named by their type. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['string', 'a long text'],
  ['array', 'a list'],
]);
const valueText = (found: string): string => TYPES.get(found) ?? found;
const stateFault = ({ fault, ...rest }: NoteParams['state-invalid']): string =>
  Object.entries(STATE_FAULTS).find(([code]) => code === fault)?.[1](rest) ?? `${rest.place}: ${fault}`;

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
const linkFault = ({ url, fault, said, max, more }: NoteParams['link-unanswered']): string => {
  const why = Object.entries(LINK_FAULTS).find(([code]) => code === fault)?.[1]({ said, max }) ?? fault;
  return `${url} does not answer: ${why}${othersToo(more, 'not answer')}`;
};
/** Something other than a region answers at one of its addresses. */
const foreignAnswer = ({ url, status, where, more }: NoteParams['link-foreign']): string => {
  const redirects = where === '' ? '' : ` and redirects to ${where}`;
  const remedy = "correct this address in region.url, or the proxy between; it must pass on the region's answers whole";
  return `${url} answers ${status}${redirects}, but is not a Rackboot region: ${remedy}${othersToo(more, 'not answer as a region')}`;
};
const othersToo = (more: number, what: string): string =>
  more === 0
    ? ''
    : `; ${counted(more, 'other address', 'other addresses')} of region.url ${more === 1 ? 'does' : 'do'} ${what} either`;

const NOTE_SENTENCES: Writers<NoteParams> = {
  'sockets-chosen': () => 'Rackboot uses portable sockets, as configured.',
  'sockets-of-system': ({ system, processor }) =>
    `Rackboot uses portable sockets: native calls exist only for Linux on x64 and arm64, not for ${system} on ${processor}.`,
  'sockets-without-libc': ({ reason }) =>
    `Rackboot uses portable sockets, because the C library cannot be called (${reason}).`,
  'replies-broadcast': () => 'Replies to machines without an address are broadcast.',
  'frames-refused': ({ reason }) =>
    `Replies to machines without an address are broadcast, because frames to hardware addresses need CAP_NET_RAW (${reason}).`,
  'mtu-reports-believed': ({ setting }) =>
    'One forged ICMP message can fragment the replies to a client for 10 minutes, because sockets here cannot ignore its small MTU. ' +
    `Many loaders cannot reassemble them. Remedy: sysctl -w ${setting}.`,
  'receive-buffer-small': smallBuffer('Receive buffers', 'a burst of requests may be lost', 'net.core.rmem_max'),
  'send-buffer-small': smallBuffer(
    'Send buffers',
    'absent hosts can delay replies to other hosts',
    'net.core.wmem_max',
  ),
  'port-shared': (note) =>
    `On port ${note.port} the rack receives the broadcasts of every interface, not only of ${note.interface}, because sockets cannot be bound to devices here.`,
  'arp-unheard': ({ reason }) =>
    `Addresses are offered without probing whether a host uses them, because ARP cannot be received here (${reason}); that needs CAP_NET_RAW.`,
  'routers-unanswered': ({ reason }) =>
    `iPXE waits about 13 s for an IPv6 router where there is none, because its router solicitations cannot be answered here (${reason}); that needs CAP_NET_RAW.`,
  'polling-chosen': () => 'Rackboot polls the interfaces of the host every 2 s, as configured.',
  'polling-needed': ({ reason }) =>
    `Rackboot polls the interfaces of the host every 2 s, because the kernel cannot report changes here (${reason}).`,
  'manager-socket-invalid': ({ name }) => `the service manager's socket has an invalid name: ${name}`,
  'manager-without-libc': ({ reason }) =>
    `the service manager gets no reports, because the C library cannot be called: ${reason}`,
  'manager-unreached': ({ reason }) => `the service manager gets no reports: ${reason}`,
  'manager-refuses': ({ reason }) => `the service manager does not accept reports: ${reason}`,

  'files-open-to-all': openToAll('tftp.allow', 'load every file of the boot tree from this rack'),
  'recursion-open-to-all': openToAll('dns.allow_recursion', 'use this rack to resolve every name'),
  'proxy-options-idle': ({ network, options }) =>
    `${network} is in proxy mode, and another DHCP server sends its options: ${options} of dhcp.options ` +
    `${isOrAre(options)} not sent there; configure them on that server.`,
  'proxy-classes-idle': ({ network, classes }) =>
    `${network} is in proxy mode, and another DHCP server gives its addresses and options: options and lease times of ` +
    `${classes} of dhcp.classes have no effect there; configure them on that server.`,
  'config-unwatched': ({ file, reason }) => `cannot watch ${file}: ${reason}; reload by SIGHUP`,

  'tree-unwatched': ({ tree, reason }) =>
    `the boot tree ${tree} cannot be watched (${reason}): it is scanned periodically instead`,
  'journal-silent': ({ seconds }) =>
    `the lease journal has not answered for ${seconds} s: the service manager will restart this process`,
  'interface-absent': (note) => `${note.interface} does not exist`,
  'interface-down': (note) => `${note.interface} is down`,
  'interface-unlinked': (note) => `${note.interface} has no carrier`,
  'interface-unaddressed': (note) => `${note.interface} does not have the address ${note.ip}`,
  'own-address-used': (note) =>
    `${note.ip}, this rack’s own address on ${note.interface}, is used by another host, ${note.host} ` +
    `(seen ${counted(note.seconds, 'second')} ago): machines may send to that host instead of the rack. Remedy: find the port of that hardware ` +
    'address in the address table of the switch; give the host another address, or disconnect it.',
  'probes-blind': () =>
    'Other DHCP servers are noticed only when a client chooses one, because probing for them needs Linux and CAP_NET_RAW.',
  'ntp-name-unresolved': ({ name, reason, kept }) =>
    `The NTP server ${name} cannot be looked up (${reason}), and DHCP has only addresses: ` +
    (kept === '' ? 'it does not offer this server.' : `it still offers ${kept}.`),
  'ntp-addresses-unused': ({ reason }) => `The new addresses of NTP servers are not in force: ${reason}`,

  'leases-lost': ({ file }) =>
    leasesLost(
      file,
      'If you moved the file away on purpose, there is nothing to do: machines get their leases back as they renew them.',
    ),
  'leases-emptied': ({ file }) =>
    leasesLost(
      file,
      'leases.db-wal was damaged or emptied, which points to a failing disk or memory: sudo journalctl -k -p err shows their errors.',
    ),
  'leases-restored': ({ file }) =>
    `${file} was restored from a copy, or was never used here: it lacks the leases granted since the copy was made. Before the rack offers a machine ` +
    'the address of its lease again, it probes whether another host uses that address; renewals are answered as usual. ' +
    'You need not do anything. If addresses clash, end the lease of the wrong machine: sudo rackboot leases end ADDRESS.',
  'leases-moved': ({ file }) =>
    `${file} was moved or deleted while this rack runs: the leases that it grants now are lost when it stops. If you moved the file, move it and ` +
    'leases.db-wal back. If it was deleted, restart Rackboot with a backup in its place: it then probes addresses before it offers them.',
  'leases-damaged': leasesDamaged,
  'ends-unread': ({ file, reason }) => `${file}: ${reason}; leases that ended while the rack was down are not reported`,
  'ends-unwritten': ({ file, reason }) => `${file}: ${reason}; ended leases may be reported twice`,
  'mark-unread': ({ file, reason }) => `${file}: ${reason}; the leases are checked like a restored copy`,
  'mark-unwritten': ({ file, reason }) => `${file}: ${reason}; the next start checks the leases like a restored copy`,

  'request-failed': ({ more, reason }) =>
    `a request failed inside the region${more === 0 ? '' : `, with ${more} more since the last one`}: ${reason}`,
  'connection-ended': ({ client, more, why }) =>
    `the API ended a connection from ${client}${more === 0 ? '' : `, and ${more} more before it`}: ${endedBecause(why)}`,
  'listener-waits': ({ reason }) => reason,
  'listener-forgone': ({ where, reason }) => `HTTP goes on without ${where}: ${reason}`,
  'sources-unusable': ({ reason, kept }) => `${reason.replaceAll('\n', ' ')}. ${SOURCES_IN_FORCE[kept] ?? ''}`,
  ...OUTAGES,
  'certificate-expired': ({ file, until }) =>
    `the certificate ${file} expired at ${until}: clients refuse it; renew it`,
  'certificate-early': ({ file, from }) =>
    `the certificate ${file} is valid from ${from} on: is this host's clock right?`,
  'certificate-expiring': ({ file, until }) => `the certificate ${file} expires at ${until}: renew it`,
  'key-readable': ({ file }) => `every user of this host can read the key ${file}: chmod 600 ${file}`,
  'state-unacknowledged': ({ machine, racks, seconds }) =>
    `${machine} is switched on although ${racks} did not acknowledge its state within ${seconds} s: it may boot as in its previous state`,
  'state-unkept': ({ file, reason }) => `${file}: ${reason}`,
  'state-invalid': stateFault,
  'images-unread': ({ reason }) => `the images of this rack cannot be listed: ${reason}`,
  'images-uncopied': ({ reason }) => `some images of the region are not copied yet; the rack tries again: ${reason}`,
  'images-unkept': ({ reason }) =>
    `the region cannot finish its work on the images of this host; it tries again: ${reason}`,
  'import-bug': ({ name, reason }) =>
    `the import of ${name} failed with an error of Rackboot, and the other imports continue; report it: ${reason}`,
  'identity-restored': ({ file, rack }) =>
    `${file} was empty or damaged and is restored from its copy: this rack is ${rack}`,
  'identity-lost': ({ file, rack }) =>
    `${file} was empty or damaged, and there was no copy: this rack is now ${rack}, which its region does not know. Stop Rackboot and restore ` +
    'a backup of the file, or accept the rack on its region',
  'key-lost': ({ file }) =>
    `${file} was empty or damaged: this rack has drawn another key. Restore a backup of the file, or accept the rack again on its region`,
  'cache-unread': ({ file, reason }) => `${file}: ${reason}`,
  'cache-invalid': ({ file, ...fault }) => `${file}: ${stateFault(fault)}`,
  'region-older': ({ ownVersion, otherVersion, file }) =>
    `region.db holds version ${ownVersion} of the desired state, but ${file} is of version ${otherVersion}: ` +
    'region.db is an older copy, or the end of its write-ahead log was lost. Later machines, accounts and settings are missing. ' +
    "If you restored a backup, there is nothing to do; otherwise restore one, and check the kernel's log (dmesg)",
  'loopback-only': () =>
    'region.listen has only loopback addresses: racks on other hosts cannot reach this region unless a proxy on this host passes their requests on',
  'configurations-differ': ({ name, setting, more }) =>
    `the process ${name} of this region has other values of ${setting.replaceAll(' ', ', ')}${more === 0 ? '' : ` and ${more} more`} in its configuration file: make the files equal, or each process decides by its own`,
  'name-shared': ({ name, where }) =>
    `another process of this region has the name ${name}, too${where === '' ? '' : `: that on ${where}`}. Logs and status cannot tell them apart: give each its own name in its configuration file, or remove the key name, so that each has its host's`,
  'database-slow': ({ seconds }) =>
    `the database did not close within ${seconds} s; every change that it confirmed is stored`,

  'region-failed': ({ reason }) => reason,
  'region-ended': () => 'its thread ended',

  'link-failed': ({ reason }) => reason,
  'link-unanswered': linkFault,
  'link-foreign': foreignAnswer,
  'link-answers': ({ url, status, said }) => `${url} answers ${status}: ${said}`,
  'link-redirected': ({ url, status, where }) =>
    `${url} answers ${status} and redirects${where === '' ? '' : ` to ${where}`}, which is not followed: set region.url to the region itself`,
  'link-refused': ({ url, status, said }) => `${url} does not register this rack: ${status} ${said}`,
  'link-ended': ({ status, said }) => `the region answers ${status}: ${said}`,
  'link-versions': ({ ownVersion, otherVersion }) =>
    `the region speaks version ${otherVersion} of the link, this rack version ${ownVersion}: update ${otherVersion < ownVersion ? 'the region' : 'the rack'}`,
  'rack-unaccepted': ({ rack }) => `accept this rack on its region: sudo rackboot racks accept ${rack}`,
  'key-unknown': ({ file, said }) => `the region does not know the key in ${file}: ${said}`,
  'region-said': ({ said }) => said,
};

const written = <C extends NoteCode>(note: { readonly note: C } & NoteParams[C]): string =>
  NOTE_SENTENCES[note.note](note);
/** The sentence of a note. */
export const noteText = (note: RackNote): string => written(note);

/** The text of an outage that a start or a command meets, which ends. */
export function endingText(outage: Outage): string {
  if (outage.note === 'database-refuses') return refusesText(outage, false);
  if (outage.note === 'database-untrusted') return untrustedText(outage, false);
  return noteText(outage);
}
