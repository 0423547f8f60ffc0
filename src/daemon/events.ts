// What the process tells of itself: its start and end, its interfaces, its configuration and its region.

import type { EventKind, RackEvent } from '../event.ts';

export type DaemonEvent = RackEvent &
  (
    | { readonly kind: 'daemon.ready'; readonly name: string; readonly version: string; readonly startMs: number }
    | { readonly kind: 'daemon.stopping'; readonly signal: string }
    | { readonly kind: 'daemon.note'; readonly text: string }
    | { readonly kind: 'interface.waiting'; readonly interface: string; readonly reason: string }
    | { readonly kind: 'interface.serving'; readonly interface: string; readonly network: string }
    | { readonly kind: 'config.applied'; readonly file: string }
    | { readonly kind: 'config.refused'; readonly file: string; readonly problems: string }
    | { readonly kind: 'config.needs-restart'; readonly keys: string }
    | { readonly kind: 'region.up'; readonly addresses: string }
    | { readonly kind: 'region.down'; readonly reason: string; readonly retryMs: number }
    | { readonly kind: 'region.problem'; readonly id: string; readonly text: string }
    | { readonly kind: 'region.desired-state'; readonly version: number; readonly machines: number }
    | { readonly kind: 'region.cache'; readonly text: string }
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
  'daemon.note': {
    level: 'info',
    message: 'note',
    explanation:
      'Something about this host that makes the rack work in another way than on a fully equipped one; the text says what follows.',
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
    explanation: 'The configuration file changed and is in force. Work in flight ends with the settings it began with.',
  },
  'config.refused': {
    level: 'error',
    message: 'configuration refused',
    explanation:
      'The configuration file has problems, each listed with its line; the last good one stays in force. Mend the file; it is read again when saved.',
  },
  'config.needs-restart': {
    level: 'warning',
    message: 'some changes apply at the next start',
    explanation:
      'The keys named changed in the file but cannot change while running; restart the service when it suits.',
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
  'region.cache': {
    level: 'warning',
    message: 'cached desired state is not usable',
    explanation:
      'The file that lets the rack know its machines before the region answers cannot be read. It is written anew as soon as the region is up.',
  },
};
