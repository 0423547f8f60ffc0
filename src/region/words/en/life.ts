// Why a command to a machine, a power task, a login or a change to its owner data is refused.

import { counted } from '../../../counted.ts';
import type { MistakeAt } from '../../records/preseed-mistake.ts';
import { mistakeAtText } from './preseed.ts';
import { didYouMean, type RefusalTable, whose } from './table.ts';

/** Why an address cannot be assigned: it is the network's own or its broadcast address, a rack's or router's, or has another use. */
export type Kept = { readonly kind: 'edge' | 'host' | 'dynamic' } | { readonly kind: 'reserved'; readonly mac: string };

function keptText(kept: Kept): string {
  switch (kept.kind) {
    case 'edge':
      return "the network's own or its broadcast address";
    case 'host':
      return "the rack's or the router's";
    case 'dynamic':
      return 'in the dynamic range';
    case 'reserved':
      return `reserved for ${kept.mac} in the configuration of a rack`;
  }
}

const SWITCHED = {
  on: 'switched on',
  off: 'switched off',
  'soft-off': 'asked to shut down',
  cycle: 'switched off and on',
} as const;

type MissingInstaller = {
  readonly osystem: string;
  readonly release: string;
  readonly architecture: string;
  readonly machine: string;
  readonly place: string;
};
type Sized = { readonly bytes: number; readonly max: number };
type Owned = { readonly machine: string; readonly owner: string | undefined };
type Range = { readonly low: string; readonly high: string };
type Reservation = Range & { readonly username: string; readonly device?: string | undefined };
/** The reservations that a refusal names, with their users and devices. */
export type Reserved = { readonly reserved: readonly Reservation[] };
export const reservedText = (reserved: Reserved['reserved']): string =>
  reserved.length === 0
    ? ''
    : ` (${reserved
        .map(({ low, high, username, device }) => {
          const did = device === undefined ? 'reserved' : `linked the device ${device} with`;
          return `${username} has ${did} ${low === high ? low : `${low} to ${high}`}`;
        })
        .join(', ')})`;

/** By code. `machine` is the name of a machine; states and commands are spelled as people write them. */
export const LIFE = {
  'transition-not-allowed.command': ({
    machine,
    state,
    command,
    possible,
  }: {
    readonly machine: string;
    readonly state: string;
    readonly command: string;
    readonly possible: readonly string[];
  }) =>
    `${machine} is in the state ${state}: ${command} is not possible. Possible: ${possible.join(', ') || 'nothing'}.`,
  'transition-not-allowed.device': ({ machine }: { readonly machine: string }) =>
    `${machine} is a device: only its names and addresses are kept here.`,
  'transition-not-allowed.step': ({
    from,
    to,
    allowed,
  }: {
    readonly from: string;
    readonly to: string;
    readonly allowed: readonly string[];
  }) => `A machine that is ${from} cannot become ${to}; from here it can become ${allowed.join(', ')}.`,
  'machine-locked.command': ({ machine, systemId }: { readonly machine: string; readonly systemId: string }) =>
    `${machine} is locked: run \`rackboot machines unlock ${systemId}\` first.`,
  'not-owner.command': ({ machine, owner, command }: Owned & { readonly command: string }) =>
    `${machine} ${whose(owner)}: only an administrator may use ${command}.`,
  'not-owner.power': ({ machine, owner }: Owned) => `${machine} ${whose(owner)}: only an administrator may switch it.`,
  'not-owner.open-debug-login': ({ machine, owner }: Owned) =>
    `${machine} ${whose(owner)}: only an administrator may open a debug login.`,
  'not-owner.close-debug-login': ({ machine }: { readonly machine: string }) =>
    `Only the owner of ${machine} and administrators may close its debug login.`,
  'not-owner.change': ({ machine, owner, what }: Owned & { readonly what: 'data' | 'lock' }) =>
    `${machine} ${whose(owner)}: only ${owner === undefined ? '' : 'they and '}administrators may change its ${what}.`,
  'owner-data-limit': ({ machine, max }: { readonly machine: string; readonly max: number }) =>
    `${machine} may have at most ${max} keys of owner data: remove some.`,
  'owner-data-limit.bytes': ({ machine, bytes, max }: Sized & { readonly machine: string }) =>
    `The owner data of ${machine} would take ${counted(bytes, 'byte')} as JSON; the maximum is ${max}. Shorten values, or remove keys with empty values.`,
  'owner-data-limit.user': ({ owner, bytes, max }: Sized & { readonly owner: string | undefined }) =>
    `The owner data of all machines ${owner === undefined ? 'without an owner' : `of ${owner}`} would take ${counted(bytes, 'byte')} as JSON; the maximum is ${max}. Remove keys with empty values, or release machines.`,
  'field.owner-data-key': ({ max }: { readonly max: number }) => `a key must be 1 to ${max} printable ASCII characters`,
  'field.owner-data-value': ({ key, max }: { readonly key: string; readonly max: number }) =>
    `the value of ${key} is longer than ${max} characters`,
  'field.owner-data-keys': ({ max }: { readonly max: number }) => `at most ${max} keys`,
  'no-ssh-key': ({ machine, username }: { readonly machine: string; readonly username: string }) =>
    `${username} has no SSH key to log in to ${machine} with: add one with ` +
    `\`rackboot sshkeys add FILE --username ${username}\`, or in the API under account/prefs/sshkeys/.`,
  'image-missing.unnamed': ({ machine }: { readonly machine: string }) =>
    `name the system to install on ${machine}, for example debian/bookworm`,
  'image-missing.no-default': ({ machine, example }: { readonly machine: string; readonly example: string }) =>
    `name the system to deploy on ${machine}, for example ${example}: there is no default, which default_osystem and default_distro_series set`,
  'image-missing.installer': ({ osystem, release, architecture, machine, place }: MissingInstaller) => {
    const command = `rackboot images import-installer --release ${release}${architecture === 'amd64' ? '' : ` --arch ${architecture}`}`;
    const remedy = osystem === 'debian' ? `\`${command}\` adds it.` : 'Put its linux and initrd.gz there.';
    return `there is no installer of ${osystem}/${release} for ${machine}: the boot tree has no ${place}. ${remedy}`;
  },
  'image-missing.image': ({
    system,
    architecture,
    meant,
  }: {
    /** Empty if none is named. */
    readonly system: string;
    readonly architecture: string;
    readonly meant: string | undefined;
  }) =>
    `there is no image of ${system === '' ? 'any system' : system} for ${architecture}.${didYouMean(meant)} ` +
    '`rackboot images list` shows all images; `rackboot images make-debian` builds one, `rackboot images add` adds an existing one.',
  'preseed-faulty.installation': ({
    machine,
    systemId,
    problem,
  }: {
    readonly machine: string;
    readonly systemId: string;
    readonly problem: MistakeAt;
  }) =>
    `the preseed of ${machine} cannot be rendered: ${mistakeAtText(problem)}; \`rackboot preseed render ${systemId}\` tries again.`,
  'power-by-hand.proposed': ({ machine }: { readonly machine: string }) =>
    `${machine} proposed its power settings itself, and they are not accepted yet: accept the machine, or set its power.`,
  'power-by-hand.driver': ({ machine, driver }: { readonly machine: string; readonly driver: string | undefined }) =>
    `${machine} is switched by hand${driver === undefined ? '' : ` because there is no power driver ${driver}`}: ` +
    'press its button; `rackboot power set` gives it a driver.',
  'power-busy.task': ({ machine, task }: { readonly machine: string; readonly task: keyof typeof SWITCHED }) =>
    `${machine} is being ${SWITCHED[task]} at this moment: try again when that has ended.`,
  'addresses-exhausted': ({ ranges, reserved }: Reserved & { readonly ranges: readonly Range[] }) =>
    `no address from ${ranges.map(({ low, high }) => `${low} to ${high}`).join(' and ')} is free` +
    `${reservedText(reserved)}: release a machine or a reservation, or widen the static range`,
  'address-refused.unserved': ({ address }: { readonly address: string }) =>
    `${address} is in no network that a rack serves: choose another address`,
  'address-refused.no-interface': ({ machine }: { readonly machine: string }) => `${machine} has no network interface`,
  'address-refused.outside': ({ address }: { readonly address: string }) =>
    `${address} is in no static range: only an administrator may choose such an address`,
  'address-refused.kept': ({ address, kept }: { readonly address: string; readonly kept: Kept }) =>
    `${address} is ${keptText(kept)}: choose another address`,
  'address-refused.taken': ({ address, reserved }: Reserved & { readonly address: string }) =>
    `${address} belongs to another machine, a user or a static route${reservedText(reserved)}: choose another address`,
  'address-refused.leased': ({
    address,
    mac,
    until,
  }: {
    readonly address: string;
    readonly mac: string;
    readonly until: string;
  }) => `the host ${mac} has ${address} by a lease until ${until} UTC: choose another address`,
  'address-refused.reserved': ({ address, mac }: { readonly address: string; readonly mac: string }) =>
    `another user has reserved ${address} for ${mac}: ask them to release it, or an administrator to link the interface`,
} as const satisfies RefusalTable;
