// What the process tells of itself: its start and end, its interfaces, its configuration and its region.

import type { EventKind, RackEvent } from '../../event.ts';

/** What the region wants of a machine. */
interface MachineFacts {
  /** `hostname.domain`. */
  readonly name: string;
  readonly status: string;
  /** What its next boot is for. */
  readonly purpose: string;
}

export type DaemonEvent = RackEvent &
  (
    | { readonly kind: 'daemon.ready'; readonly name: string; readonly version: string; readonly startMs: number }
    | { readonly kind: 'daemon.stopping'; readonly signal: string }
    | {
        readonly kind: 'daemon.finishing';
        readonly replies: number;
        readonly transfers: number;
        readonly graceMs: number;
      }
    | { readonly kind: 'daemon.stopped'; readonly milliseconds: number; readonly cut: number }
    | { readonly kind: 'clock.stepped'; readonly byMs: number }
    | { readonly kind: 'daemon.note'; readonly text: string }
    | { readonly kind: 'daemon.leases-lost'; readonly text: string }
    | { readonly kind: 'tree.problem'; readonly tree: string; readonly reason: string }
    | { readonly kind: 'tree.served'; readonly tree: string; readonly entries: number }
    | { readonly kind: 'interface.waiting'; readonly interface: string; readonly reason: string }
    | { readonly kind: 'interface.serving'; readonly interface: string; readonly network: string }
    | {
        readonly kind: 'config.applied';
        readonly file: string;
        /** Who changed it: `file` or `store`. */
        readonly source: string;
        /** How many keys differ. */
        readonly changes: number;
      }
    | { readonly kind: 'config.changed'; readonly key: string; readonly before: string; readonly after: string }
    | { readonly kind: 'config.stranded'; readonly leases: number; readonly addresses: string }
    | {
        readonly kind: 'config.refused';
        readonly file: string;
        readonly source: string;
        readonly problems: string;
      }
    | { readonly kind: 'config.networks-lost'; readonly networks: string; readonly command: string }
    | { readonly kind: 'config.needs-restart'; readonly keys: string }
    | { readonly kind: 'metrics.listening'; readonly port: number }
    | { readonly kind: 'metrics.failed'; readonly port: number; readonly reason: string; readonly retryMs: number }
    | { readonly kind: 'region.up'; readonly addresses: string }
    | { readonly kind: 'region.down'; readonly reason: string; readonly retryMs: number }
    | { readonly kind: 'region.problem'; readonly id: string; readonly text: string }
    | { readonly kind: 'region.desired-state'; readonly version: number; readonly machines: number }
    | { readonly kind: 'region.cache'; readonly text: string }
    | ({ readonly kind: 'machine.known' | 'machine.changed' } & MachineFacts)
    | { readonly kind: 'machine.forgotten'; readonly name: string }
    | { readonly kind: 'daemon.close-failed'; readonly reason: string }
  );

export const DAEMON_EVENTS: Readonly<Record<DaemonEvent['kind'], EventKind>> = {
  'daemon.ready': {
    level: 'info',
    message: 'ready',
    explanation:
      'The rack has opened everything that can be opened now and answers. startMs is the time since the process began.',
  },
  'daemon.stopping': {
    level: 'info',
    message: 'stopping',
    explanation:
      'The process was asked to end. Bindings that were acknowledged are on disk; transfers get a few seconds.',
  },
  'daemon.finishing': {
    level: 'info',
    message: 'finishing what is under way',
    explanation:
      'No new request is taken. replies are answers whose lease is on its way to the disk, transfers are files that machines load; ' +
      'they get up to graceMs, then they are cut. A second signal ends the process at once; leases are safe in either case.',
  },
  'daemon.stopped': {
    level: 'info',
    message: 'stopped',
    explanation:
      'Everything is closed and the process ends. cut is the number of transfers that did not end in time; their machines try again.',
  },
  'clock.stepped': {
    level: 'warning',
    message: 'the wall clock was set',
    explanation:
      'Somebody or a time server set the clock of this host by byMs milliseconds (negative: back). Leases, transfers, names and states ' +
      'in progress run on as if nothing had happened; only the times in the log jump. Once after the start this is usual on a host ' +
      'without a clock of its own; again and again it is a time server that is wrong.',
  },
  'daemon.note': {
    level: 'info',
    message: 'note',
    explanation:
      'Something about this host that makes the rack work in another way than on a fully equipped one, or something written in the configuration that has no effect; the text says what follows.',
  },
  'daemon.leases-lost': {
    level: 'error',
    message: 'leases are gone',
    explanation:
      'leases.db is missing or empty in the state directory of a rack that has run before. The rack starts with no leases, and asks the wire before it offers an address, but machines that are switched off or answer no ARP may lose theirs to others. The text names the file to put back from a backup. Status and doctor tell it until the next start.',
  },
  'tree.problem': {
    level: 'error',
    message: 'boot tree cannot be read',
    explanation:
      'The boot tree is too large, or cannot be read; reason says which, and what to do. Addresses, names and everything else are served as ' +
      'before. Files are sent to whoever asks for them by their exact name. What else the tree holds is what it held when it was last read: ' +
      'nothing, if that was before this start, and then machines are told that there is no image for them. The tree is read again ' +
      'after at most a minute; nothing has to be restarted.',
  },
  'tree.served': {
    level: 'info',
    message: 'boot tree is read again',
    explanation:
      'What was wrong with the boot tree is mended; all it holds is served from now on. entries counts its files, directories and links.',
  },
  'interface.waiting': {
    level: 'warning',
    message: 'interface is waited for',
    explanation:
      'A cluster interface cannot be served yet: it does not exist, is down, has no link, or lacks the configured address. It is served ' +
      'within two seconds of that changing; nothing needs to be restarted.',
  },
  'interface.serving': {
    level: 'info',
    message: 'interface is served',
    explanation: 'Machines on this interface are answered from now on.',
  },
  'config.applied': {
    level: 'info',
    message: 'configuration applied',
    explanation:
      'The configuration changed, in its file or in the store of the region (source), and is in force; changes is the number of keys that ' +
      'differ, told one by one as config.changed before this. Work in flight ends with the settings it began with.',
  },
  'config.changed': {
    level: 'info',
    message: 'configuration key changed',
    explanation:
      'One key of the configuration has another value from now on; before and after are as they were written. Of very many changes only ' +
      'the first are told one by one; config.applied counts them all.',
  },
  'config.stranded': {
    level: 'warning',
    message: 'running leases are outside the new ranges',
    explanation:
      'These addresses are leased, and the new ranges would not give them. Their machines keep them until they renew, and are then given ' +
      'another one. Where that matters, put the old range back, or reserve the address for its machine.',
  },
  'config.refused': {
    level: 'error',
    message: 'configuration refused',
    explanation:
      "The configuration has problems, each listed with its line in the file or with the key of the region's store; the last good one " +
      'stays in force. Mend the file, which is read again when saved, or the value in the store with `rackboot config set`.',
  },
  'config.networks-lost': {
    level: 'warning',
    message: 'no network is served any more',
    explanation:
      'The settings that came from the region have no network for this rack, and its file names none: no machine is answered. This is so ' +
      "when a rack whose networks were in its own region's store is accepted by another region. Write cluster_interfaces into the rack's " +
      'file, which is read when saved, or type command at the region.',
  },
  'config.needs-restart': {
    level: 'warning',
    message: 'some changes apply at the next start',
    explanation:
      'The keys named changed in the file but cannot change while running; restart the service when it suits.',
  },
  'metrics.listening': {
    level: 'info',
    message: 'metrics are served',
    explanation: 'Prometheus can scrape /metrics here; /healthz and /readyz answer as well. Nothing needs to be done.',
  },
  'metrics.failed': {
    level: 'warning',
    message: 'metrics cannot be served',
    explanation:
      'The address of metrics.listen cannot be opened; reason is the error code of the operating system. Everything else goes on, and it is ' +
      'tried again by itself. EADDRINUSE: another program, or another Rackboot on this host, has the port; set metrics.listen.',
  },
  'region.up': {
    level: 'info',
    message: 'region answers',
    explanation: 'The API and the page can be reached at these addresses.',
  },
  'region.down': {
    level: 'error',
    message: 'region ended',
    explanation:
      'The region does not run; it is started again after retryMs. Meanwhile the rack serves leases, names and boots of the machines it ' +
      'knows, and keeps its events. If it does not come back, the reason says why.',
  },
  'region.problem': {
    level: 'error',
    message: 'region has a problem',
    explanation:
      'A request failed inside the region, or one of its listeners waits for its address. A failed request was answered with the same ' +
      'id; the region goes on.',
  },
  'region.desired-state': {
    level: 'debug',
    message: 'desired state applied',
    explanation: 'What the region wants of this rack has changed and is in force.',
  },
  'machine.known': {
    level: 'debug',
    message: 'machine is known',
    explanation: 'The region has told this rack of a machine it did not know; its next boot goes by what purpose says.',
  },
  'machine.changed': {
    level: 'debug',
    message: 'machine changed',
    explanation:
      "The region wants something else of a machine: its name, its state or its next boot's purpose changed.",
  },
  'machine.forgotten': {
    level: 'debug',
    message: 'machine is no longer known',
    explanation: 'The region has removed a machine; its next boot enlists it anew.',
  },
  'daemon.close-failed': {
    level: 'warning',
    message: 'something could not be closed',
    explanation:
      'While the process ended, one of its parts failed to close. What was acknowledged is on disk all the same.',
  },
  'region.cache': {
    level: 'warning',
    message: 'cached desired state is not usable',
    explanation:
      'The file that lets the rack know its machines before the region answers cannot be read. It is written anew as soon as the region is up.',
  },
};
