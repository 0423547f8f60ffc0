// The events of the process and its parts, of the wires, of the region and of the log. They stand
// here because the region writes their sentences, too; the parts that raise them lie above.

import { asSentence, counted } from '../../ground/counted.ts';
import { defineEvent, type EventOf } from '../../ground/event.ts';
import { formatBytes, formatSpan } from '../../ground/quantity.ts';
import { HINT_FIELDS, hintText } from './hints.ts';
import { NOTED, notedText } from './notes.ts';

const MACHINE = { name: 'text', status: 'text', purpose: 'text' } as const;

const NEXT_BOOTS: Readonly<Record<string, string>> = {
  enlist: 'its next boot reports its hardware',
  commissioning: 'its next boot runs the ephemeral environment',
  install: 'its next boot installs it',
  local: 'its next boot uses its own disk',
  poweroff: 'its next boot powers it off',
};

const nameConfiguration = (f: { readonly source: string; readonly file: string }): string =>
  f.source === 'store' ? "the settings of the region's store" : f.file;
const nextBoot = ({ purpose }: { readonly purpose: string }): string => NEXT_BOOTS[purpose] ?? purpose;
const nameLogLevel = (f: { readonly room: string }): string => `The log level${f.room === '' ? '' : ` of ${f.room}`}`;

const formerHolder = ({
  former,
  hasLeft,
}: {
  readonly former?: string | undefined;
  readonly hasLeft?: boolean | undefined;
}): string =>
  former === undefined ? '' : hasLeft === true ? `: ${former} has stopped` : `: ${former} did not renew them in time`;

export const DAEMON_EVENTS = {
  'daemon.ready': defineEvent({
    level: 'info',
    message: 'ready',
    fields: { name: 'text', version: 'text', startMs: 'number' },
    text: (f) => `${f.name}: Rackboot ${f.version} is ready after ${formatSpan(f.startMs)}`,
    explanation:
      'The rack, or the region that runs apart from it, has opened every listener that can be opened now, and answers. startMs is the time ' +
      'since the process started.',
  }),
  'daemon.stopping': defineEvent({
    level: 'info',
    message: 'stopping',
    fields: { signal: 'text' },
    text: (f) => `Stopping (${f.signal})`,
    explanation:
      'A person or the service manager asked the process to stop. Acknowledged leases are on disk; transfers get a few seconds to finish.',
  }),
  'daemon.finishing': defineEvent({
    level: 'info',
    message: 'finishing work in progress',
    fields: { replies: 'number', transfers: 'number', graceMs: 'number' },
    text: (f) =>
      `Finishing ${counted(f.replies, 'reply', 'replies')} and ${counted(f.transfers, 'transfer')} (${formatSpan(f.graceMs)} at most)`,
    explanation:
      'No new requests are accepted. replies counts answers whose lease is being written, transfers counts files that machines are loading; ' +
      'they get up to graceMs and are then cut. A second signal ends the process immediately; leases are safe in either case.',
  }),
  'daemon.stopped': defineEvent({
    level: 'info',
    message: 'stopped',
    fields: { milliseconds: 'number', cut: 'number' },
    text: (f) => `Stopped after ${formatSpan(f.milliseconds)} (${counted(f.cut, 'transfer')} cut)`,
    explanation:
      'Everything is closed and the process ends. cut counts the transfers that did not finish in time; their machines try again.',
  }),
  'clock.stepped': defineEvent({
    level: 'warning',
    message: 'the wall clock was set',
    fields: { byMs: 'number' },
    text: (f) => `The clock of this host was moved by ${f.byMs} ms; leases and transfers are not affected`,
    explanation:
      'A person or a time server moved the clock of this host by byMs milliseconds (negative: backwards). Leases, transfers and names ' +
      'are not affected; only the times in the log jump. A single step after the start is normal on a host without a hardware clock; ' +
      'repeated steps mean that the time server is wrong.',
  }),
  'daemon.note': defineEvent({
    level: 'info',
    message: 'note',
    fields: NOTED,
    text: (f) => asSentence(notedText(f)),
    explanation:
      'Something is missing on this host, so the rack works differently than on a fully equipped one, or a setting in the configuration has no effect. note names it, its values are further fields, and text says what follows.',
  }),
  'daemon.leases-lost': defineEvent({
    level: 'error',
    message: 'leases are gone',
    fields: NOTED,
    text: notedText,
    explanation:
      'leases.db is missing or empty in the state directory of a rack that has run before. The rack starts without leases and probes an address before it offers it, but machines that are off or do not answer ARP may lose their address to others. The text names the file to restore from a backup. `rackboot status` and `rackboot doctor` show this until the next start.',
  }),
  'daemon.leases-restored': defineEvent({
    level: 'warning',
    message: 'leases come from a copy',
    fields: NOTED,
    text: notedText,
    explanation:
      'leases.db was restored from a copy since the rack last ran. It lacks the leases given since the copy was made, so an address that ' +
      'it gives to one machine may by now be in use by another. Before the rack offers such a machine its address again, it probes the wire ' +
      'for another host with it; renewals are answered as usual. A copied state directory, or one without lease-mark.json, is treated in ' +
      'the same way. A restored snapshot of the file system or of the virtual machine is not recognised: remove lease-mark.json before ' +
      'the start.',
  }),
  'daemon.leases-damaged': defineEvent({
    level: 'error',
    message: 'leases are damaged',
    fields: NOTED,
    text: notedText,
    explanation:
      'A row of leases.db has changed since it was written: memory or disk of this host is faulty. A single flipped bit is corrected, and no ' +
      'lease is lost; the text names its address. After more damage, readable records are kept, and their addresses are probed before they ' +
      'are offered; the other addresses of the row are set aside for an hour, and the text names them. Check memory and disk. If machines ' +
      'clash, restore leases.db from a backup. `rackboot status` and `rackboot doctor` show this until the next start.',
  }),
  'daemon.backed-up': defineEvent({
    level: 'info',
    message: 'backed up',
    fields: { file: 'text', bytes: 'number' },
    text: (f) => `Backed up into ${f.file} (${formatBytes(f.bytes)})`,
    explanation:
      '`rackboot backup --keep`, which rackboot-backup.timer runs each night, has written this file. With --check it has been restored into a ' +
      'scratch directory, too. Copy it to another host.',
  }),
  'daemon.backup-failed': defineEvent({
    level: 'error',
    message: 'backup failed',
    fields: NOTED,
    text: notedText,
    explanation:
      '`rackboot backup --keep`, which rackboot-backup.timer runs each night, could not write a backup, or could not restore it into a scratch ' +
      'directory; reason says why. Earlier backups stay. `rackboot status` and the page of health show this until a backup succeeds or the ' +
      'rack starts again.',
  }),
  'tree.problem': defineEvent({
    level: 'error',
    message: 'boot tree is unreadable',
    fields: { reason: 'text' },
    logged: { tree: 'text' },
    text: (f) => `The boot tree is unreadable: ${f.reason}; addresses and names are still served`,
    explanation:
      'The boot tree is too large, or cannot be read; reason says which, and what to do. Addresses, names and everything else are served as ' +
      'before. Files requested by their exact name are still sent. For everything else the rack uses the contents that it last read. If it ' +
      'has not read the tree since this start, it has none, and machines are told that there is no image for them. The tree is read again ' +
      'after at most a minute; nothing needs to be restarted.',
  }),
  'tree.served': defineEvent({
    level: 'info',
    message: 'boot tree is readable again',
    fields: { tree: 'text' },
    logged: { entries: 'number' },
    text: (f) => `The boot tree ${f.tree} is readable again`,
    explanation:
      'The problem of the boot tree is solved, and all its files are served. entries counts its files, directories and links.',
  }),
  'interface.waiting': defineEvent({
    level: 'warning',
    message: 'waiting for an interface',
    fields: { ...NOTED, interface: 'text' },
    text: (f) => `Waiting for ${f.interface}: ${notedText(f)}`,
    explanation:
      'A cluster interface cannot be served yet: it does not exist, is down, has no carrier, or lacks the configured address. The rack serves it ' +
      'within two seconds after that changes; nothing needs to be restarted.',
  }),
  'interface.serving': defineEvent({
    level: 'info',
    message: 'interface is served',
    fields: { interface: 'text', network: 'text' },
    text: (f) => `${f.interface} is served: ${f.network}`,
    explanation: 'The rack now answers machines on this interface.',
  }),
  'config.applied': defineEvent({
    level: 'info',
    message: 'configuration applied',
    fields: { file: 'text', source: 'text', changes: 'number' },
    text: (f) => `Applied ${nameConfiguration(f)} (${counted(f.changes, 'change')})`,
    explanation:
      "The configuration changed, in its file or in the region's store (source), and is in force. changes counts the changed keys; a " +
      'config.changed event before this one reports each of them. Work in progress finishes with the settings that it started with.',
  }),
  'config.changed': defineEvent({
    level: 'info',
    message: 'configuration key changed',
    fields: { key: 'text', before: 'text', after: 'text', source: 'text?' },
    text: (f) => `${f.key} is now ${f.after}; it was ${f.before}`,
    explanation:
      "A key of the configuration has a new value, in its file or in the region's store (source); before and after show it as written. If " +
      'very many keys changed, only the first are reported one by one; config.applied counts them all.',
  }),
  'config.stranded': defineEvent({
    level: 'warning',
    message: 'running leases are outside the new ranges',
    fields: { leases: 'number', addresses: 'text' },
    text: (f) =>
      `${counted(f.leases, 'running lease is', 'running leases are')} outside the new ranges (${f.addresses}): their machines get other addresses when they renew`,
    explanation:
      'These addresses are leased, but the new ranges do not contain them. Their machines keep them until they renew, and then get another ' +
      'one. If that matters, restore the old range, or reserve the address for its machine.',
  }),
  'config.refused': defineEvent({
    level: 'error',
    message: 'configuration refused',
    fields: { file: 'text', source: 'text', problems: 'text' },
    text: (f) => `Refused ${nameConfiguration(f)}, keeping the previous configuration: ${f.problems}`,
    explanation:
      "The configuration has problems, each listed with its line in the file or its key in the region's store. The last valid " +
      'configuration stays in force. Correct the file, which is read again when saved, or the setting with `rackboot config set`.',
  }),
  'config.networks-lost': defineEvent({
    level: 'warning',
    message: 'no network is served',
    fields: { networks: 'text', command: 'text' },
    text: (f) =>
      `No network is served: the region has no settings for ${f.networks}; add cluster_interfaces to this rack's file, or run on the region: ${f.command}`,
    explanation:
      "The region's settings have no network for this rack, and its file names none, so no machine is answered. This happens when another " +
      "region accepts a rack that kept its networks in its own region's store. Add cluster_interfaces to the rack's file, which is " +
      'read when saved, or run command at the region.',
  }),
  'config.needs-restart': defineEvent({
    level: 'warning',
    message: 'some changes need a restart',
    fields: { keys: 'text' },
    text: (f) => `These changes need a restart: ${f.keys}`,
    explanation:
      'These keys changed in the file but cannot change while the rack runs; restart the service when convenient.',
  }),
  'metrics.listening': defineEvent({
    level: 'info',
    message: 'metrics are served',
    fields: { port: 'number' },
    text: (f) => `Metrics and health are served on ${f.address ?? ''}:${f.port}`,
    explanation: 'Prometheus can scrape /metrics here; /healthz and /readyz answer as well. Nothing needs to be done.',
  }),
  'metrics.failed': defineEvent({
    level: 'warning',
    message: 'metrics cannot be served',
    fields: { port: 'number', reason: 'text' },
    logged: { retryMs: 'number' },
    text: (f) =>
      f.reason === 'EADDRINUSE'
        ? `Metrics cannot be served on ${f.address ?? ''}:${f.port}: another program, or another Rackboot on this host, has the port; give metrics.listen another one`
        : `Metrics cannot be served on ${f.address ?? ''}:${f.port} (${f.reason}): free the port, or set metrics.listen`,
    explanation:
      "An address of metrics.listen cannot be opened; reason is the operating system's error code. Everything else works, and the rack " +
      'retries. EADDRINUSE: another program, or another Rackboot on this host, uses the port; set metrics.listen.',
  }),
  'region.up': defineEvent({
    level: 'info',
    message: 'region answers',
    fields: { addresses: 'text', page: 'text' },
    text: (f) => `The region answers at ${f.addresses.replaceAll(' ', ', ')}`,
    explanation:
      'The API and the page can be reached at these addresses; page is the URL for a browser. `rackboot page` prints a link that signs you in.',
  }),
  'region.down': defineEvent({
    level: 'error',
    message: 'region stopped',
    fields: { ...NOTED, retryMs: 'number' },
    text: (f) =>
      `The region stopped (${notedText(f)}) and restarts in ${formatSpan(f.retryMs)}; leases, names and boots continue`,
    explanation:
      'The region is not running; it is restarted after retryMs. Meanwhile the rack serves leases, names and boots of the machines it ' +
      'knows, and keeps its events. If the region does not come back, text says why.',
  }),
  'region.problem': defineEvent({
    level: 'error',
    message: 'region has a problem',
    fields: NOTED,
    logged: { id: 'text' },
    text: (f) => `The region has a problem: ${notedText(f)}`,
    explanation:
      'A request failed inside the region, one of its listeners waits for its address, or another process of the region has other ' +
      'values in its configuration file: make the files equal. The response to a failed request names the same id. The region keeps running.',
  }),
  'region.unconfirmed': defineEvent({
    level: 'error',
    message: 'database does not confirm changes',
    fields: NOTED,
    text: (f) => `No change can be made: ${notedText(f)}`,
    explanation:
      "The region's PostgreSQL waits for a synchronous standby, which does not answer. Every change is refused with 503; whether the changes " +
      'under way are stored is unknown. Reads continue. Start the standby, or take it out of synchronous_standby_names and reload ' +
      'PostgreSQL; changes are accepted a second later, without a restart.',
  }),
  'region.confirmed': defineEvent({
    level: 'info',
    message: 'database confirms changes again',
    fields: {},
    text: () => 'The database confirms changes again',
    explanation:
      'No transaction waits for a synchronous standby any more, and changes are accepted again. The changes whose result was unknown are stored, ' +
      'unless another server has taken over.',
  }),
  'region.database-away': defineEvent({
    level: 'error',
    message: 'database does not answer',
    fields: NOTED,
    text: notedText,
    explanation:
      "The region's PostgreSQL does not answer this process; text says how, and what to look at. Until it does, every request gets 503 at once, " +
      'and racks serve as they do without a region. Nothing needs to be restarted, unless text says that a newer Rackboot changed the tables: ' +
      'then upgrade this process.',
  }),
  'region.database-back': defineEvent({
    level: 'info',
    message: 'database answers again',
    fields: { awayMs: 'number' },
    text: (f) => `The database answers again after ${formatSpan(f.awayMs)}`,
    explanation:
      "The region's PostgreSQL answers again, after awayMs milliseconds, and requests are answered as before.",
  }),
  'region.database-accepts': defineEvent({
    level: 'info',
    message: 'database accepts again',
    fields: { refusedMs: 'number' },
    text: (f) => `The database works again after ${formatSpan(f.refusedMs)} of refusals`,
    explanation:
      "The region's PostgreSQL refused connections, or changes because its disk was full (region.problem says why). After refusedMs milliseconds it " +
      'has admitted a connection again, or stored a change.',
  }),
  'region.duties-here': defineEvent({
    level: 'info',
    message: 'this process has the duties',
    fields: { former: 'text?', hasLeft: 'flag?' },
    text: (f) => `This process now has the region's duties${formerHolder(f)}`,
    explanation:
      'Of the processes of the region, this one now gives power commands, ends overdue states and notices silent racks. former is the name of ' +
      'the process that had these duties: it stopped (hasLeft), or did not renew them for several seconds, because it ended, hung or lost the ' +
      'database. A machine whose power command it had begun gets its next one half a minute later.',
  }),
  'region.duties-elsewhere': defineEvent({
    level: 'info',
    message: 'another process has the duties',
    fields: { holder: 'text' },
    text: (f) => `The process ${f.holder} has the region's duties`,
    explanation:
      'Another process of the region, holder, gives power commands, ends overdue states and notices silent racks.',
  }),
  'region.duties-lost': defineEvent({
    level: 'warning',
    message: 'another process took the duties',
    fields: { holder: 'text' },
    text: (f) =>
      `The process ${f.holder} has taken over this one's duties, which were not renewed in time: this one continues without them`,
    explanation:
      'This process had not renewed its duties in time, so the process holder has them now. This one stopped its power commands, and continues ' +
      'without duties. Either the database was unreachable and the other process reached it first, or this host is overloaded: check its load.',
  }),
  'region.desired-state': defineEvent({
    level: 'debug',
    message: 'desired state applied',
    fields: { version: 'number' },
    logged: { machines: 'number' },
    text: (f) => `Applied version ${f.version} of the desired state`,
    explanation: "The region's desired state of this rack has changed and is in force.",
  }),
  'machine.known': defineEvent({
    level: 'debug',
    message: 'machine is known',
    fields: MACHINE,
    text: (f) => `Known to the region as ${f.name} (${f.status}): ${nextBoot(f)}`,
    explanation: 'The region has told this rack about a new machine; purpose says what its next boot does.',
  }),
  'machine.changed': defineEvent({
    level: 'debug',
    message: 'machine changed',
    fields: MACHINE,
    text: (f) => `Now ${f.name} (${f.status}): ${nextBoot(f)}`,
    explanation:
      "The region changed a machine's name, its status or the purpose of its next boot, or merged the machine into the one that is named.",
  }),
  'machine.forgotten': defineEvent({
    level: 'debug',
    message: 'machine is no longer known',
    fields: { name: 'text' },
    text: (f) => `No longer known to the region (was ${f.name})`,
    explanation: 'The region has removed a machine; its next boot enlists it again.',
  }),
  'daemon.close-failed': defineEvent({
    level: 'warning',
    message: 'something could not be closed',
    fields: { reason: 'text' },
    text: (f) => `A part failed to close during shutdown: ${f.reason}`,
    explanation:
      'A part of the process failed to close during shutdown. Every acknowledged lease is on disk regardless.',
  }),
  'region.cache': defineEvent({
    level: 'warning',
    message: 'cached desired state is unusable',
    fields: NOTED,
    text: (f) => `The cached desired state is unusable: ${notedText(f)}`,
    explanation:
      'The file with the machines that the rack knows before the region answers cannot be read. It is rewritten as soon as the region is up.',
  }),
  'net.neighbour-new': defineEvent({
    level: 'debug',
    message: 'host seen',
    fields: { interface: 'text' },
    text: (f) => `First seen on ${f.interface} with ${f.address ?? ''}`,
    explanation:
      'A host was seen with this address for the first time on a network of this rack. `rackboot neighbours` lists all hosts. ' +
      'During a flood only a sample is published.',
  }),
  'net.neighbour-moved': defineEvent({
    level: 'info',
    message: 'address moved to another host',
    fields: { interface: 'text', previous: 'text?' },
    text: (f) => `Took over ${f.address ?? ''} on ${f.interface} from ${f.previous ?? 'another host'}`,
    explanation:
      'A different hardware address (mac) than before (previous) uses an address. This is normal after a lease ended and another ' +
      'machine got the address, or after a network card was replaced. If the two keep taking turns, two hosts have the same address: ' +
      'find them with `rackboot neighbours`, and disconnect one of them.',
  }),
  'net.host-found': defineEvent({
    level: 'info',
    message: 'host answered a scan',
    fields: { interface: 'text' },
    text: (f) => `Answered a scan of ${f.interface} with ${f.address ?? ''}`,
    explanation:
      'A host answered when an administrator had the networks of this rack scanned (`discovery/?op=scan`). The region lists it with the ' +
      'other hosts that racks heard (`discovery/`). A host with several addresses is reported once.',
  }),
  'net.own-address-used': defineEvent({
    level: 'error',
    message: 'another host uses an address of this rack',
    fields: { interface: 'text' },
    text: (f) =>
      `Uses ${f.address ?? ''}, this rack’s own address on ${f.interface}: give that host another address, or disconnect it`,
    explanation:
      'A host with another hardware address (mac) sends or answers ARP for this rack’s own address. Machines that ask for the address may ' +
      'reach that host instead of the rack, and then get no files, no names and no renewals. Find the port of the hardware address in the ' +
      'address table of the switch, and give the host another address or disconnect it. A router with local proxy ARP, which answers for ' +
      'every address of the network, is reported as well: switch that off. Each host is reported once an hour; `rackboot status` and ' +
      '`rackboot doctor` show it until it was not seen for five minutes.',
  }),
  'net.router-seen': defineEvent({
    level: 'info',
    message: 'IPv6 router seen',
    fields: { interface: 'text', reason: 'text' },
    text: (f) => `IPv6 router ${f.reason} seen on ${f.interface}: router solicitations are left to it`,
    explanation:
      'A real IPv6 router advertises itself on this network, so Rackboot leaves router solicitations to it. After 35 minutes without ' +
      'an advertisement, Rackboot again tells booting machines that there is no router, so that iPXE does not have to wait.',
  }),
  'net.router-answered': defineEvent({
    level: 'debug',
    message: 'machine told that there is no IPv6 router',
    fields: { interface: 'text' },
    text: (f) => `Looked for an IPv6 router on ${f.interface}: told that there is none`,
    explanation:
      'A booting machine looked for an IPv6 router on a network without one, and was told that there is none. Otherwise iPXE would wait ' +
      'about 13 s. Nothing needs to be done; `answer_router_solicitations: false` in the cluster interface turns this off.',
  }),
  'net.router-answer-failed': defineEvent({
    level: 'info',
    message: 'machine could not be told that there is no IPv6 router',
    fields: { interface: 'text', reason: 'text' },
    text: (f) => `Looked for an IPv6 router on ${f.interface}: could not be answered (${f.reason})`,
    explanation:
      'A booting machine looked for an IPv6 router and got no answer from this rack; it waits about 13 s and then continues. The reason ' +
      "is the operating system's error code, or host-forwards-ipv6: this host forwards IPv6 and may be a router itself, so Rackboot does " +
      'not answer for it. In that case let it advertise itself, or set `answer_router_solicitations: false`.',
  }),
  'boot.hint': defineEvent({
    level: 'warning',
    message: 'a boot has a problem',
    fields: { hint: 'text', ...HINT_FIELDS },
    logged: { text: 'text' },
    text: (f) => asSentence(hintText(f)),
    explanation:
      "A machine's steps show why its boot does not continue. hint names the pattern, text says what was seen and what to do. Each pattern " +
      'is reported once per boot. `rackboot trace` shows the steps before it.',
  }),
  'log.level-changed': defineEvent({
    level: 'info',
    message: 'log level changed temporarily',
    fields: { room: 'text', logLevel: 'text', seconds: 'number' },
    text: (f) => `${nameLogLevel(f)} is ${f.logLevel} for ${formatSpan(f.seconds * 1000)}`,
    explanation:
      '`rackboot log-level` changed the log level of one room or of all. After seconds the configured level applies again.',
  }),
  'log.level-restored': defineEvent({
    level: 'info',
    message: 'log level restored',
    fields: { room: 'text' },
    text: (f) => `${nameLogLevel(f)} is as configured again`,
    explanation:
      'The temporary change of `rackboot log-level` has expired or was undone; the configured level applies.',
  }),
  'log.gap': defineEvent({
    level: 'warning',
    message: 'log lines are lost',
    fields: { missed: 'number' },
    text: (f) =>
      `${counted(f.missed, 'line of the log is', 'lines of the log are')} lost: its reader or its disk is too slow`,
    explanation:
      'The log could not be written as fast as events happened, or not at all for a while; missed counts the lost lines. The rack itself ' +
      'lost nothing. Find out why the reader of the log, or its disk, is slow.',
  }),
  'log.limited': defineEvent({
    level: 'warning',
    message: 'lines that hosts cause were left out',
    fields: { missed: 'number' },
    text: (f) => `Hosts cause more lines than the log takes: ${counted(f.missed, 'line is', 'lines are')} left out`,
    explanation:
      'All lines that hosts on the networks cause share one bound: 20 000 at once, and 5 a second for long. missed counts those left out since the last such ' +
      'line, at most one a minute. Errors are always logged, and the counters at /metrics count everything. Find out which host is so busy: `rackboot status`.',
  }),
};

export type DaemonEvent = EventOf<typeof DAEMON_EVENTS>;
