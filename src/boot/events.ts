// The boot room's events.

import { counted } from '../ground/counted.ts';
import { defineEvent, type EventOf } from '../ground/event.ts';
import { homeText } from './boot-words.ts';

export const BOOT_EVENTS = {
  'boot.token-withheld': defineEvent({
    level: 'warning',
    message: 'configuration sent without its secret',
    fields: { machine: 'text' },
    text: (f) =>
      `${f.address ?? ''}, which is not an address of ${f.machine}, asked for its configuration and got it without the boot token`,
    explanation:
      'A client asked for the configuration of a machine at work (machine) from an address that this machine does not hold by a lease of ' +
      'this rack. The configuration was sent without the token by which the region recognises the reports of that boot, so the client ' +
      'cannot report in the machine’s name, and its request counts neither as a start nor as a sign of life. If it was the machine itself, ' +
      'it has its address from another DHCP server, or it booted from an interface that the region does not know: see ' +
      '`rackboot machines show`. A machine has few such events; count says how many requests one represents.',
  }),
  'boot.asked-by-another': defineEvent({
    level: 'info',
    message: 'configuration of a machine asked for by another host',
    fields: { machine: 'text' },
    text: (f) => `${f.address ?? ''} asked for the configuration of ${f.machine}`,
    explanation:
      'A client asked for the configuration of a machine (machine) from an address that this machine does not hold by a lease of this rack. ' +
      'The request counts neither as a start nor as a sign of life of the machine. Nothing to do, unless it was the machine itself: then it ' +
      'has its address from another DHCP server. A machine has few such events; count says how many requests one represents.',
  }),
  'boot.not-at-home': defineEvent({
    level: 'warning',
    message: 'a machine at work asked from a network that is not its home',
    fields: {
      machine: 'text',
      network: 'text',
      rack: 'text',
      home: 'text?',
      homeAddress: 'text?',
    },
    text: (f) =>
      `Leased ${f.address ?? ''} in network ${f.network}, but the home of ${f.machine} is ${homeText(f)}: it gets no boot token there; ` +
      `if it was moved, run: rackboot machines move ${f.machine} ${f.rack} --network ${f.network}`,
    explanation:
      'A client with the hardware address of a machine at work (machine) has a lease in one network (network), but the machine’s home is another ' +
      '(home). The configuration was sent without the boot’s token, so the client can neither read the machine’s instructions nor report in ' +
      'its name. If the machine was moved, tell the region: `rackboot machines move MACHINE RACK --network NETWORK`, then start it again. ' +
      'If it was not, a host of that network uses its hardware address.',
  }),
  'boot.loader-loop': defineEvent({
    level: 'warning',
    message: 'a loader started itself again and again',
    fields: { file: 'text', instead: 'text', loads: 'number' },
    text: ({ file, loads, instead }) =>
      `Loaded ${file} ${counted(loads, 'time')} without asking for a configuration; it gets ${instead} instead`,
    explanation:
      'A machine loaded the same loader (file) several times (loads) within ten minutes without ever asking for a configuration: it is iPXE, but ' +
      'Rackboot took it for the firmware that started it. It now gets iPXE’s script (instead) and so continues. Each of its boots repeats these ' +
      'rounds until the cause is fixed: use an iPXE that identifies itself in DHCP (user class iPXE, or option 175), or let `boot.loaders` ' +
      'name no loader for `ipxe`. Firmware that cannot start its loader at all, such as under Secure Boot, looks the same.',
  }),
};

/** An event of this room. */
export type BootEvent = EventOf<typeof BOOT_EVENTS>;
