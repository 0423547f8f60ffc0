// Bounds that the code does not name: of the kernel, of the service's unit and of Node. The scan of the code finds none of them, so these
// rows are kept by hand. Sources: listen(2), udp(7), socket(7), systemd.exec(5).

import type { BoundFacts } from './row.ts';

/** A bound of the host; its name and value are given, where those of the other rows are read from the code. */
type KernelBound = BoundFacts & { readonly name: string; readonly value: string };

/** The queue of a listener, when none is asked for (node:net, `server.listen`). */
export const LISTEN_BACKLOG = 511;
/** In systemd/rackboot.service. */
export const FILES_OF_UNIT = 65_536;

export const KERNEL_BOUNDS: readonly KernelBound[] = [
  {
    name: '`LimitNOFILE`',
    value: `${FILES_OF_UNIT} for the service; elsewhere \`ulimit -n\``,
    what: 'open files of the process: connections, sockets of transfers, and files of the boot tree',
    whoCanFill:
      'clients of a rack with a lower limit; not those of the service, to whom the other bounds allow some 15000 together',
    whatOthersNotice:
      'new connections are refused (`http.refused`, not-accepted), and transfers and files, too; leases and names continue',
    harm: 'refused',
    stoppedBy: 'a larger limit: LimitNOFILE of the unit, or `ulimit -n`',
    howItEmpties: 'as connections and transfers end',
    share: 'that of connections and transfers, by address and network',
    test: 'e2e/descriptors.test.ts',
  },
  {
    name: 'listen backlog',
    value: `${LISTEN_BACKLOG}, or \`net.core.somaxconn\` if that is lower`,
    what: 'connections of one listener that the process has not accepted yet',
    whoCanFill: 'hosts that connect faster than the event loop turns, under their own addresses',
    whatOthersNotice:
      'a connection opens one to three seconds later: its first packet is dropped, and the client sends it again',
    harm: 'waits',
    howItEmpties: 'with every turn of the event loop, which accepts all that wait',
    share:
      'none: the kernel does not tell hosts apart; each listener has its own, and accepted connections have their shares at once',
    test: 'hostile/kernel-bounds.test.ts',
  },
  {
    name: '`net.ipv4.udp_mem`',
    value: 'about a fifth of the memory by default, in pages: the third number',
    what: 'datagrams of all UDP sockets of the host that the kernel keeps until they are read',
    whoCanFill:
      'hosts that flood thousands of transfers which they hold: 3072 sockets hold some 650 MB, more than the bound of a host with 3 GB',
    whatOthersNotice: 'datagrams for any program of the host are dropped; their clients retry',
    harm: 'refused',
    stoppedBy: 'storm control on the switch; a larger `net.ipv4.udp_mem`',
    howItEmpties:
      'as the process reads; a transfer whose client sends too much ends, and its buffer with it (SPARE_PACKETS_MAX)',
    share: 'none in the kernel; of the transfers, TRANSFERS_OF_ADDRESS_MAX for each address',
  },
];
