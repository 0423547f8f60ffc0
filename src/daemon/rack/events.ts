// The events of the process itself: its start and end, its interfaces, its configuration and its region.

import type { EventKind, RackEvent } from '../../event.ts';
import type { Outage, RackNote } from '../../region/reports/notes.ts';

/** The region's desired state of a machine. */
interface MachineFacts {
  /** `hostname.domain`. */
  readonly name: string;
  readonly status: string;
  /** The purpose of its next boot. */
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
    | ({ readonly kind: 'daemon.note' | 'daemon.leases-lost'; readonly note: string; readonly text: string } & RackNote)
    | ({
        readonly kind: 'daemon.leases-restored' | 'daemon.leases-damaged' | 'region.cache';
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
      } & RackNote)
    | { readonly kind: 'tree.problem'; readonly tree: string; readonly reason: string }
    | { readonly kind: 'tree.served'; readonly tree: string; readonly entries: number }
    | ({
        readonly kind: 'interface.waiting';
        readonly interface: string;
        readonly note: string;
        readonly reason: string;
      } & RackNote)
    | { readonly kind: 'interface.serving'; readonly interface: string; readonly network: string }
    | {
        readonly kind: 'config.applied';
        readonly file: string;
        /** The source of the change: `file` or `store`. */
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
    | { readonly kind: 'region.up'; readonly addresses: string; readonly page: string }
    | ({
        readonly kind: 'region.down';
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
        readonly retryMs: number;
      } & RackNote)
    | ({
        readonly kind: 'region.problem';
        readonly id: string;
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
      } & RackNote)
    | ({
        readonly kind: 'region.unconfirmed';
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
      } & Outage)
    | { readonly kind: 'region.confirmed' }
    | ({
        readonly kind: 'region.database-away';
        /** The code of what `text` says; its parameters are further fields. */
        readonly note: string;
        readonly text: string;
      } & Outage)
    | { readonly kind: 'region.database-back'; readonly awayMs: number }
    | { readonly kind: 'region.database-accepts'; readonly refusedMs: number }
    | { readonly kind: 'region.duties-here'; readonly former?: string; readonly hasLeft?: boolean }
    | { readonly kind: 'region.duties-elsewhere' | 'region.duties-lost'; readonly holder: string }
    | { readonly kind: 'region.desired-state'; readonly version: number; readonly machines: number }
    | ({ readonly kind: 'machine.known' | 'machine.changed' } & MachineFacts)
    | { readonly kind: 'machine.forgotten'; readonly name: string }
    | { readonly kind: 'daemon.close-failed'; readonly reason: string }
  );

export const DAEMON_EVENTS: Readonly<Record<DaemonEvent['kind'], EventKind>> = {
  'daemon.ready': {
    level: 'info',
    message: 'ready',
    explanation:
      'The rack, or the region that runs apart from it, has opened every listener that can be opened now, and answers. startMs is the time ' +
      'since the process started.',
  },
  'daemon.stopping': {
    level: 'info',
    message: 'stopping',
    explanation:
      'A person or the service manager asked the process to stop. Acknowledged leases are on disk; transfers get a few seconds to finish.',
  },
  'daemon.finishing': {
    level: 'info',
    message: 'finishing work in progress',
    explanation:
      'No new requests are accepted. replies counts answers whose lease is being written, transfers counts files that machines are loading; ' +
      'they get up to graceMs and are then cut. A second signal ends the process immediately; leases are safe in either case.',
  },
  'daemon.stopped': {
    level: 'info',
    message: 'stopped',
    explanation:
      'Everything is closed and the process ends. cut counts the transfers that did not finish in time; their machines try again.',
  },
  'clock.stepped': {
    level: 'warning',
    message: 'the wall clock was set',
    explanation:
      'A person or a time server moved the clock of this host by byMs milliseconds (negative: backwards). Leases, transfers and names ' +
      'are not affected; only the times in the log jump. A single step after the start is normal on a host without a hardware clock; ' +
      'repeated steps mean that the time server is wrong.',
  },
  'daemon.note': {
    level: 'info',
    message: 'note',
    explanation:
      'Something is missing on this host, so the rack works differently than on a fully equipped one, or a setting in the configuration has no effect. note names it, its values are further fields, and text says what follows.',
  },
  'daemon.leases-lost': {
    level: 'error',
    message: 'leases are gone',
    explanation:
      'leases.db is missing or empty in the state directory of a rack that has run before, or has lost all its leases with a damaged leases.db-wal. The rack starts without leases and probes an address before it offers it, but machines that are off or do not answer ARP may lose their address to others. The text names the file to restore from a backup. `rackboot status` and `rackboot doctor` show this until the next start.',
  },
  'daemon.leases-restored': {
    level: 'warning',
    message: 'leases come from a copy',
    explanation:
      'leases.db was restored from a copy since the rack last ran. It lacks the leases given since the copy was made, so an address that ' +
      'it gives to one machine may by now be in use by another. Before the rack offers such a machine its address again, it probes the wire ' +
      'for another host with it; renewals are answered as usual. A copied state directory, or one without lease-mark.json, is treated in ' +
      'the same way. A restored snapshot of the file system or of the virtual machine is not recognised: remove lease-mark.json before ' +
      'the start.',
  },
  'daemon.leases-damaged': {
    level: 'error',
    message: 'leases are damaged',
    explanation:
      'A row of leases.db has changed since it was written: memory or disk of this host is faulty. A single flipped bit is corrected, and no ' +
      'lease is lost; the text names its address. After more damage, readable records are kept, and their addresses are probed before they ' +
      'are offered; the other addresses of the row are set aside for an hour, and the text names them. Check memory and disk. If machines ' +
      'clash, restore leases.db from a backup. `rackboot status` and `rackboot doctor` show this until the next start.',
  },
  'tree.problem': {
    level: 'error',
    message: 'boot tree is unreadable',
    explanation:
      'The boot tree is too large, or cannot be read; reason says which, and what to do. Addresses, names and everything else are served as ' +
      'before. Files requested by their exact name are still sent. For everything else the rack uses the contents that it last read. If it ' +
      'has not read the tree since this start, it has none, and machines are told that there is no image for them. The tree is read again ' +
      'after at most a minute; nothing needs to be restarted.',
  },
  'tree.served': {
    level: 'info',
    message: 'boot tree is readable again',
    explanation:
      'The problem of the boot tree is solved, and all its files are served. entries counts its files, directories and links.',
  },
  'interface.waiting': {
    level: 'warning',
    message: 'waiting for an interface',
    explanation:
      'A cluster interface cannot be served yet: it does not exist, is down, has no carrier, or lacks the configured address. The rack serves it ' +
      'within two seconds after that changes; nothing needs to be restarted.',
  },
  'interface.serving': {
    level: 'info',
    message: 'interface is served',
    explanation: 'The rack now answers machines on this interface.',
  },
  'config.applied': {
    level: 'info',
    message: 'configuration applied',
    explanation:
      "The configuration changed, in its file or in the region's store (source), and is in force. changes counts the changed keys; a " +
      'config.changed event before this one reports each of them. Work in progress finishes with the settings that it started with.',
  },
  'config.changed': {
    level: 'info',
    message: 'configuration key changed',
    explanation:
      'A key of the configuration has a new value; before and after show it as written. If very many keys changed, only the first are ' +
      'reported one by one; config.applied counts them all.',
  },
  'config.stranded': {
    level: 'warning',
    message: 'running leases are outside the new ranges',
    explanation:
      'These addresses are leased, but the new ranges do not contain them. Their machines keep them until they renew, and then get another ' +
      'one. If that matters, restore the old range, or reserve the address for its machine.',
  },
  'config.refused': {
    level: 'error',
    message: 'configuration refused',
    explanation:
      "The configuration has problems, each listed with its line in the file or its key in the region's store. The last valid " +
      'configuration stays in force. Correct the file, which is read again when saved, or the setting with `rackboot config set`.',
  },
  'config.networks-lost': {
    level: 'warning',
    message: 'no network is served',
    explanation:
      "The region's settings have no network for this rack, and its file names none, so no machine is answered. This happens when another " +
      "region accepts a rack that kept its networks in its own region's store. Add cluster_interfaces to the rack's file, which is " +
      'read when saved, or run command at the region.',
  },
  'config.needs-restart': {
    level: 'warning',
    message: 'some changes need a restart',
    explanation:
      'These keys changed in the file but cannot change while the rack runs; restart the service when convenient.',
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
      "An address of metrics.listen cannot be opened; reason is the operating system's error code. Everything else works, and the rack " +
      'retries. EADDRINUSE: another program, or another Rackboot on this host, uses the port; set metrics.listen.',
  },
  'region.up': {
    level: 'info',
    message: 'region answers',
    explanation:
      'The API and the page can be reached at these addresses; page is the URL for a browser. `rackboot page` prints a link that signs you in.',
  },
  'region.down': {
    level: 'error',
    message: 'region stopped',
    explanation:
      'The region is not running; it is restarted after retryMs. Meanwhile the rack serves leases, names and boots of the machines it ' +
      'knows, and keeps its events. If the region does not come back, text says why.',
  },
  'region.problem': {
    level: 'error',
    message: 'region has a problem',
    explanation:
      'A request failed inside the region, one of its listeners waits for its address, or region.db is an older copy: then text names ' +
      'the file, and rackboot status and rackboot doctor show it until it is restored. Or another process of the region has other ' +
      'values in its configuration file: make the files equal. The response to a failed request names the same id. The region keeps running.',
  },
  'region.unconfirmed': {
    level: 'error',
    message: 'database does not confirm changes',
    explanation:
      "The region's PostgreSQL waits for a synchronous standby, which does not answer. Every change is refused with 503; whether the changes " +
      'under way are stored is unknown. Reads continue. Start the standby, or take it out of synchronous_standby_names and reload ' +
      'PostgreSQL; changes are accepted a second later, without a restart.',
  },
  'region.confirmed': {
    level: 'info',
    message: 'database confirms changes again',
    explanation:
      'No transaction waits for a synchronous standby any more, and changes are accepted again. The changes whose result was unknown are stored, ' +
      'unless another server has taken over.',
  },
  'region.database-away': {
    level: 'error',
    message: 'database does not answer',
    explanation:
      "The region's PostgreSQL does not answer this process; text says how, and what to look at. Until it does, every request gets 503 at once, " +
      'and racks serve as they do without a region. Nothing needs to be restarted, unless text says that a newer Rackboot changed the tables: ' +
      'then upgrade this process.',
  },
  'region.database-back': {
    level: 'info',
    message: 'database answers again',
    explanation:
      "The region's PostgreSQL answers again, after awayMs milliseconds, and requests are answered as before.",
  },
  'region.database-accepts': {
    level: 'info',
    message: 'database accepts again',
    explanation:
      "The region's PostgreSQL refused connections, or changes because its disk was full (region.problem says why). After refusedMs milliseconds it " +
      'has admitted a connection again, or stored a change.',
  },
  'region.duties-here': {
    level: 'info',
    message: 'this process has the duties',
    explanation:
      'Of the processes of the region, this one now gives power commands, ends overdue states and notices silent racks. former is the name of ' +
      'the process that had these duties: it stopped (hasLeft), or did not renew them for several seconds, because it ended, hung or lost the ' +
      'database. A machine whose power command it had begun gets its next one half a minute later.',
  },
  'region.duties-elsewhere': {
    level: 'info',
    message: 'another process has the duties',
    explanation:
      'Another process of the region, holder, gives power commands, ends overdue states and notices silent racks.',
  },
  'region.duties-lost': {
    level: 'warning',
    message: 'another process took the duties',
    explanation:
      'This process had not renewed its duties in time, so the process holder has them now. This one stopped its power commands, and continues ' +
      'without duties. Either the database was unreachable and the other process reached it first, or this host is overloaded: check its load.',
  },
  'region.desired-state': {
    level: 'debug',
    message: 'desired state applied',
    explanation: "The region's desired state of this rack has changed and is in force.",
  },
  'machine.known': {
    level: 'debug',
    message: 'machine is known',
    explanation: 'The region has told this rack about a new machine; purpose says what its next boot does.',
  },
  'machine.changed': {
    level: 'debug',
    message: 'machine changed',
    explanation:
      "The region changed a machine's name, its status or the purpose of its next boot, or merged the machine into the one that is named.",
  },
  'machine.forgotten': {
    level: 'debug',
    message: 'machine is no longer known',
    explanation: 'The region has removed a machine; its next boot enlists it again.',
  },
  'daemon.close-failed': {
    level: 'warning',
    message: 'something could not be closed',
    explanation:
      'A part of the process failed to close during shutdown. Every acknowledged lease is on disk regardless.',
  },
  'region.cache': {
    level: 'warning',
    message: 'cached desired state is unusable',
    explanation:
      'The file with the machines that the rack knows before the region answers cannot be read. It is rewritten as soon as the region is up.',
  },
};
