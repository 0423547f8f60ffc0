// The actions on a machine, with what each does; deploying it, editing it, and switching its power.

import { type Html, html } from '../../../html.ts';
import { driverLabel, parameterWords } from './power.ts';

/** An action's texts. */
interface Action {
  /** On its button. */
  readonly label: string;
  /** The heading of its form, a command. */
  readonly heading: (machine: string) => string;
  /** The notice after the action is accepted; it follows the machine's name. */
  readonly done: string;
}

/** The power of a machine before an action: whether Rackboot can switch it, and whether it was off at the last observation. */
type Power = { readonly isSwitched: boolean; readonly isOff: boolean };

/** The actions, by name. */
export const ACTIONS = {
  accept: { label: 'Accept', heading: (machine) => `Accept ${machine}`, done: 'is accepted' },
  deploy: { label: 'Deploy', heading: (machine) => `Deploy ${machine}`, done: 'is being deployed' },
  allocate: { label: 'Allocate', heading: (machine) => `Allocate ${machine}`, done: 'is yours' },
  'mark-fixed': {
    label: 'Mark as fixed',
    heading: (machine) => `Mark ${machine} as fixed`,
    done: 'is marked as fixed',
  },
  commission: { label: 'Commission', heading: (machine) => `Commission ${machine}`, done: 'is being commissioned' },
  test: { label: 'Test', heading: (machine) => `Test ${machine}`, done: 'is being tested' },
  'override-failed': {
    label: 'Override failed test',
    heading: (machine) => `Override the failed test of ${machine}`,
    done: 'can be used despite its failed test',
  },
  'exit-rescue': {
    label: 'Exit rescue mode',
    heading: (machine) => `Take ${machine} out of rescue mode`,
    done: 'is leaving rescue mode',
  },
  reinstate: { label: 'Reinstate', heading: (machine) => `Reinstate ${machine}`, done: 'is New again' },
  // Not "is being released": its address and name are freed at once, and it may be Ready before the notice is read.
  release: { label: 'Release', heading: (machine) => `Release ${machine}`, done: 'is released' },
  abort: { label: 'Abort', heading: (machine) => `Abort the work of ${machine}`, done: 'was told to stop' },
  rescue: {
    label: 'Enter rescue mode',
    heading: (machine) => `Put ${machine} into rescue mode`,
    done: 'is entering rescue mode',
  },
  'mark-broken': {
    label: 'Mark as broken',
    heading: (machine) => `Mark ${machine} as broken`,
    done: 'is marked as broken',
  },
  'mark-missing': {
    label: 'Mark as missing',
    heading: (machine) => `Mark ${machine} as missing`,
    done: 'is marked as missing',
  },
  retire: { label: 'Retire', heading: (machine) => `Retire ${machine}`, done: 'is retired' },
  delete: { label: 'Delete', heading: (machine) => `Delete ${machine}`, done: 'is deleted' },
} satisfies Readonly<Record<string, Action>>;

/** The effects of an action, a sentence each. */
export const EFFECTS = {
  starts({ isSwitched, isOff }: Power): string {
    if (!isSwitched)
      return 'Rackboot cannot power it on: do it yourself, with the network first in its boot order. Its time limit starts with its first request.';
    const start = 'Its power driver boots it from the network';
    return isOff ? `${start}.` : `${start}; the system now running on it stops.`;
  },
  ends({ isSwitched, isOff }: Power): string {
    if (isOff) return 'It is off already.';
    return isSwitched ? 'It powers off.' : 'Rackboot cannot power it off: it may keep running until you do.';
  },
  measures:
    'Inventories and tests it, which takes some minutes; it is Ready if nothing fails. Its disks are not written.',
  dataLost: 'All data on the chosen disk is lost.',
  getsAddress: "It gets a static address, a DNS name and its owner's SSH keys.",
  becomesYours:
    'It becomes yours, and no other user can take it. It gets an address; its power and disks are not touched.',
  fixed: 'It returns to its previous state and can be used again. Its power is not switched.',
  tests:
    'Runs the checks and the testing scripts on it, then returns it to its previous state. Only scripts that overwrite data write its disks.',
  overridden: 'It can be used as if its tests had passed. The failed results stay in its records.',
  rescueEnds: 'The rescue system stops, with all logins to it. The machine returns to its previous state.',
  newAgain: 'It is New again, and must be accepted before use.',
  freed: (fqdn: string): string => `Its address and its DNS name ${fqdn} are freed at once.`,
  noOwner: 'It no longer has an owner.',
  revoked: 'Its credentials are revoked, and its user data is deleted.',
  workStops: (state: string): string => `Its work (${state}) stops at once.`,
  halfWritten: 'Its disk may be half written and unusable.',
  rescues: 'Boots a rescue system, to which its owner can log in by SSH. Its disks are not written.',
  broken: 'It cannot be used until it is marked as fixed. Its power is not switched. Give the fault as the reason.',
  missing: 'It counts as absent and cannot be used. Its power is not switched.',
  retired: 'It is out of use, and boots its own disk from now on. Its records are kept, and it can be reinstated.',
  deleted: 'Its records, addresses and test results are deleted; its log is kept.',
  forGood: 'This cannot be undone. If it boots from the network again, it enlists as a new machine.',
};

/** The forms of the actions. */
export const ACTION_FORMS = {
  impossible: (machine: string, action: string): string => `“${action}” is not possible for ${machine} now.`,
  accepted: (machine: string, done: string): string => `${machine} ${done}.`,
  commissioning: {
    label: 'Commissioning',
    commission: { text: 'Commission it', meaning: 'It boots from the network, and is Ready when all checks pass.' },
    skip: { text: 'Skip commissioning', meaning: 'It is Ready at once; Rackboot believes its own report.' },
  },
  disks: {
    label: 'Disks',
    keep: { text: 'Keep the data', meaning: 'The next user of the machine can read it.' },
    quick: {
      text: 'Quick erase',
      meaning: 'Erases partition tables and signatures in seconds. The data can be recovered.',
    },
    /** @param size empty: unknown */
    full: (size: string) => ({
      text: 'Full erase',
      meaning: `Overwrites or discards everything, which may take hours${size === '' ? '' : ` (${size})`}.`,
    }),
  },
  force: {
    label: 'Delete it while it is in use',
    atWork: (state: string): string => `It is at work (${state}). If you can, abort or release it first.`,
    owned: (owner: string): string => `It belongs to ${owner}. If you can, abort or release it first.`,
  },
  scripts: 'Scripts, after the built-in checks',
};

/** The form for deploying. */
export const DEPLOY = {
  fills: (size: string): string => ` · fills ${size}`,
  system: 'System',
  kernel: {
    label: 'Kernel',
    hint: 'One of the system above. The usual one is its own, or follows default_min_hwe_kernel.',
    usual: 'The usual one',
  },
  disk: {
    label: 'Disk',
    hint: 'The machine chooses the smallest disk that holds the image, USB disks last.',
    chosen: 'Chosen by the machine',
  },
  userData: {
    label: 'User data',
    hint: 'For cloud-init at the first boot: a script that begins with #!, or text that begins with #cloud-config.',
  },
  address: { label: 'Address', hint: 'Leave empty for a free address of the static range.' },
  method: 'Method',
  image: { text: 'Write an image', meaning: 'Takes minutes.' },
  installer: {
    text: 'Run the installer',
    meaning: "The distribution's own, unattended, from its mirror. Takes longer.",
  },
  installed: { label: 'System for the installer', hint: 'Leave empty to install the system above.' },
  noInstaller: (command: string): Html =>
    html`There is no installer for it. On the rack, <code>${command}</code> adds Debian's.`,
  noImage: (architecture: string): Html =>
    html`<b>There is no image for ${architecture}.</b> On the rack,
    ${' '}<code>sudo rackboot images make-debian</code> builds one, and <code>sudo rackboot images add FILE</code> adds your own.`,
  /** @param isYours true if the owner is the viewer @param space joins the words around it */
  noKey: (isYours: boolean, owner: string, space: string): Html =>
    html`<b>${isYours ? 'You have' : `${owner} has`} no SSH key${space}yet.</b> The deployment will be refused, because
    nobody could log in: <a href="/MAAS/account/">add a key</a> first,
    or run <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code> on the rack. If you have no
    such file, <code>ssh-keygen</code> makes one on your computer.`,
};

/** The form for editing. */
export const EDIT = {
  title: (machine: string): string => `Edit ${machine}`,
  note: { label: 'Note', hint: 'Free text, for people.' },
  tags: 'Tags',
  kernelParamsHint: 'These replace the parameters of its tags and the settings. Leave empty to use those.',
  saved: (machine: string): string => `${machine} saved.`,
};

/** The forms for switching its power, and for its power driver. */
export const POWER = {
  driver: driverLabel,
  parameter: parameterWords,
  choices: { y: 'yes', n: 'no' },
  default: 'default',
  unused: (label: string, expects: string | undefined): string => `${label}: ${expects ?? 'none'}.`,
  stored: 'Stored. Leave empty to keep it.',
  noDrivers: 'This process has no power drivers.',
  byHand: 'No parameters: you switch it when its page asks you to.',
  title: (machine: string): string => `Choose the power driver of ${machine}`,
  drivers: 'Drivers',
  changed: (machine: string, driver: string): string => `${machine} is now switched by ${driver}.`,
  tasks: {
    on: {
      label: 'Power on',
      heading: (machine: string): string => `Power on ${machine}`,
      effect: 'It powers on.',
      effectWhenOff: 'It powers on.',
      done: (machine: string): string => `${machine} is being powered on.`,
    },
    off: {
      label: 'Power off',
      heading: (machine: string): string => `Power off ${machine}`,
      effect: 'Its system stops, and its users are disconnected. If its power is cut, unwritten data is lost.',
      effectWhenOff: 'It was off at the last check.',
      done: (machine: string): string => `${machine} is being powered off.`,
    },
    cycle: {
      label: 'Power cycle',
      heading: (machine: string): string => `Power cycle ${machine}`,
      effect: 'Its power is cut and restored: unwritten data is lost.',
      effectWhenOff: 'It was off at the last check, so it only powers on.',
      done: (machine: string): string => `${machine} is being power cycled.`,
    },
    query: {
      label: 'Check power',
      heading: (machine: string): string => `Check the power of ${machine}`,
      effect: 'Asks its driver whether it is on.',
      effectWhenOff: 'Asks its driver whether it is on.',
      /** @param state `undefined`: unknown @param why empty: nothing was said */
      done: (machine: string, state?: string, why = ''): string => {
        const said = state === 'error' ? 'could not be checked' : `is ${state ?? 'unknown'}`;
        return `The power of ${machine} ${said}${why === '' ? '' : `: ${why}`}.`;
      },
    },
  },
  method: 'Method',
  shutDown: { text: 'Shut down', meaning: 'Like pressing its power button. A hung system stays on.' },
  cut: { text: 'Cut the power', meaning: 'At once, whatever it is doing.' },
  follows: (state: string): string =>
    ` It is ${state} with nothing to do: when it boots from the network, it is told to power off.`,
};
