// The page's own words, by part of the page, and the language in which a request gets them.
//
// 1. `words` are those of the request at hand, so they are read inside functions. Elsewhere, and
//    while a module loads, they are English.
// 2. A word that a translation lacks is English.

import { AsyncLocalStorage } from 'node:async_hooks';
import { asSentence, composeNoneFitsText, counted } from '../../../ground/counted.ts';
import { type Html, html } from '../../../ground/html.ts';
import { formatAge, formatDuration, formatSize } from '../../../ground/quantity.ts';
import { layoutInUseText } from '../../api/layout/layout-calls.ts';
import { lockedText } from '../../life/commands.ts';
import { PURPOSES, type Purpose } from '../../preseed/request.ts';
import type { FilesInForce } from '../../records/boot-store.ts';
import type { DoubtWords, HappeningWords } from '../../records/events.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import { COMMANDS, commandLabel, type EffectName, forEachCommand } from '../../records/machine-commands.ts';
import { EVENT_TYPES, type MachineEventType } from '../../records/machine-event.ts';
import { driverLabel, type ParameterWords, parameterWords } from '../../records/power-words.ts';
import { pinText } from '../../records/settings-refusal.ts';
import { fillTemplate, translated } from './template.ts';

const FRAME = {
  /** The language of all pages (BCP 47). */
  language: 'en',
  title: fillTemplate('{page} · Rackboot'),
  /** @param region its name */
  of: fillTemplate('{page} · {region}'),
  skip: 'Skip to the content',
  navigation: 'Pages',
  menu: 'Menu',
  pages: {
    overview: 'Overview',
    machines: 'Machines',
    networks: 'Networks',
    dns: 'DNS',
    images: 'Images',
    racks: 'Racks',
    events: 'Events',
    scripts: 'Scripts',
    tags: 'Tags',
    profiles: 'Profiles',
    zones: 'Zones',
    pools: 'Pools',
    settings: 'Settings',
    people: 'People',
    health: 'Health',
  },
  /** How fresh the page is. */
  live: 'live',
  deleted: 'deleted',
  silent: 'the region does not answer; retrying',
  signIn: 'Sign in',
  signOut: 'Sign out',
  languages: 'Language',
  seeField: 'Not done: see the marked field.',
  seeFields: 'Not done: see the marked fields.',
  allMachines: 'All machines',
  back: 'Back',
  notDone: 'Not done',
  notFound: 'Not found',
  gone: 'Nothing has this name, and no event mentions this hardware address. It may have been deleted.',
  goneOther: 'Nothing here has this name or number. It may have been deleted.',
  toList: 'Back to the list',
  noSuchPage: 'There is no such page.',
  onlyAdministrators: 'Only an administrator may open this page.',
  foreignForm: 'This form was sent from another site: open this page and try again.',
  oldForm: 'This form is older than your sign-in: reload the page and try again.',
};

const AWAY = {
  title: 'Database unavailable',
  heading: 'The region cannot use its database',
  lead: 'Nothing can be shown or changed now. Racks continue to work: machines keep their leases and names, and boot.',
  /** Nothing is sent again: the browser shows this page instead of the form's result. */
  form: 'The result of your form is unknown. When the region is back, check what is stored before you send it again.',
  /** @param isRepeated true if the browser asks again */
  next: (isRepeated: boolean) =>
    html`${isRepeated ? 'This page tries again every 5 seconds. ' : ''}No restart is needed. On the region's host, <code>sudo rackboot status</code> and the log say more.`,
  again: 'Try again now',
  to: 'To the overview',
};

const SIGN_IN = {
  heading: 'Sign in to Rackboot',
  lead: html`This region's machines are visible to people with an account.`,
  failed: {
    wrong: 'Wrong user name or password.',
    'spent-link': html`This link was used already, or is older than 10 minutes: <code>sudo rackboot page</code> prints another.`,
  },
  link: (username: string) => html`This link signs this browser in as <b>${username}</b>, once.`,
  as: fillTemplate('Sign in as {username}'),
  username: 'User name',
  password: 'Password',
  /** @param config the option that names the region's file, after a space */
  noAccount: (isApart: boolean, config: string) =>
    html`On the ${isApart ? "region's host" : 'rack'}, <code>sudo rackboot page${config}</code> prints a link that signs you in without a password, and <code>sudo rackboot createadmin --username NAME${config}</code> creates an account.`,
};

/** What only a translation has: by a code, or by the English text. */
const NO_WORDS: Readonly<Record<string, string>> = {};
const NO_PARAMETERS: Readonly<Record<string, ParameterWords>> = {};

const FORMS = {
  /** @param description the API's, of a parameter */
  hint: (description: string): string =>
    words.forms.hints[description] ??
    asSentence(
      description
        .replace(/^True: |^The (?:id|id or network|name or id|UUID or name) of (?=its |a |the )/, '')
        .replace(/: its id or network|; repeated or separated by commas/, ''),
    ),
  hints: NO_WORDS,
  optional: 'optional',
  oneALine: 'One a line.',
  /** @param now empty: it has no value now */
  changedMeanwhile: (now: string) =>
    now === ''
      ? 'It was emptied meanwhile, by somebody else or in another tab. Save again to set your value.'
      : `It was changed meanwhile, by somebody else or in another tab: ${now}. Save again to set your value instead.`,
  notChosen: '–',
  save: 'Save',
  cancel: 'Cancel',
  edit: 'Edit',
  remove: 'Remove',
  name: 'Name',
  description: 'Description',
  kernelParams: 'Kernel parameters',
  reason: { label: 'Reason', hint: "For the machine's log." },
  password: {
    again: fillTemplate('{label}, again'),
    hint: fillTemplate('At least {min} characters, of any kind; fewer than {advised} are easily guessed.'),
  },
};

/** Labels of parameters that the words of their names do not make. */
const FIELDS: Readonly<Record<string, string>> = {
  cidr: 'Network (CIDR)',
  fqdn: 'Full name',
  gateway_ip: 'Router',
  kernel_opts: 'Kernel parameters',
  mac_addresses: 'Hardware addresses',
  parent: 'Part of',
  rrdata: 'Data',
  rrtype: 'Type',
  vid: 'VLAN tag',
};

const VALUES = {
  ago: formatAge,
  copy: 'Copy',
  copyOf: fillTemplate('Copy {text}'),
  /** Other names than the English ones, by code. */
  states: NO_WORDS,
  state: (status: MachineStatus): string => words.values.states[status] ?? statusRow(status).name,
  eventTypes: NO_WORDS,
  eventType: (type: MachineEventType): string => words.values.eventTypes[type] ?? EVENT_TYPES[type].title,
  administrator: 'administrator',
  user: 'user',
  andMore: fillTemplate('and {count} more'),
  noEvents: 'No events yet.',
  events: 'Events',
};

interface Action {
  readonly label: string;
  readonly heading: (machine: string) => string;
  /** The notice after the action is accepted; it follows the machine's name. */
  readonly done: string;
}

/** A machine before an action. */
export interface Affected {
  /** True if Rackboot can switch its power. */
  readonly isSwitched: boolean;
  /** True if it was off at the last observation. */
  readonly isOff: boolean;
  /** Empty: each of several machines. */
  readonly fqdn: string;
  /** In the language of the page. */
  readonly state: string;
}

const ACTIONS = {
  ...forEachCommand((name): Action => {
    const { heading = '', done = '' } = COMMANDS[name].button ?? {};
    return { label: commandLabel(name), heading: (machine) => heading.replace('{}', () => machine), done };
  }),
  delete: { label: 'Delete', heading: (machine: string) => `Delete ${machine}`, done: 'is deleted' },
};

const EFFECTS = {
  starts({ isSwitched, isOff }: Affected): string {
    if (!isSwitched)
      return 'Rackboot cannot power it on: do it yourself, with the network first in its boot order. Its time limit starts with its first request.';
    const start = 'Its power driver boots it from the network';
    return isOff ? `${start}.` : `${start}; the system now running on it stops.`;
  },
  ends({ isSwitched, isOff }: Affected): string {
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
  freed: ({ fqdn }: Affected) => `Its address and its DNS name${fqdn === '' ? '' : ` ${fqdn}`} are freed at once.`,
  noOwner: 'It no longer has an owner.',
  revoked: 'Its credentials are revoked, and its user data is deleted.',
  workStops: ({ state }: Affected) => `Its work (${state}) stops at once.`,
  halfWritten: 'Its disk may be half written and unusable.',
  rescues: 'Boots a rescue system, to which its owner can log in by SSH. Its disks are not written.',
  broken: 'It cannot be used until it is marked as fixed. Its power is not switched. Give the fault as the reason.',
  missing: 'It counts as absent and cannot be used. Its power is not switched.',
  retired: 'It is out of use, and boots its own disk from now on. Its records are kept, and it can be reinstated.',
  deleted: 'Its records, addresses and test results are deleted; its log is kept.',
  forGood: 'This cannot be undone. If it boots from the network again, it enlists as a new machine.',
} satisfies Readonly<Record<EffectName | 'noOwner' | 'deleted' | 'forGood', string | ((machine: Affected) => string)>>;

const ACTION_FORMS = {
  impossible: (machine: string, action: string) => `“${action}” is not possible for ${machine} now.`,
  accepted: fillTemplate('{machine} {done}.'),
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
    owned: fillTemplate('It belongs to {owner}. If you can, abort or release it first.'),
  },
  scripts: 'Scripts, after the built-in checks',
};

const DEPLOY = {
  fills: fillTemplate(' · fills {size}'),
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
  noInstaller: (command: string) =>
    html`There is no installer for it. On the rack, <code>${command}</code> adds Debian's.`,
  noImage: (architecture: string) =>
    html`<b>There is no image for ${architecture}.</b> On the rack,
    ${' '}<code>sudo rackboot images make-debian</code> builds one, and <code>sudo rackboot images add FILE</code> adds your own.`,
  /** @param isYours true if the owner is the viewer @param space joins the words around it */
  noKey: (isYours: boolean, owner: string, space: string) =>
    html`<b>${isYours ? 'You have' : `${owner} has`} no SSH key${space}yet.</b> The deployment will be refused, because
    nobody could log in: <a href="/MAAS/account/">add a key</a> first,
    or run <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code> on the rack. If you have no
    such file, <code>ssh-keygen</code> makes one on your computer.`,
};

const EDIT = {
  title: fillTemplate('Edit {machine}'),
  tags: 'Tags',
  saved: fillTemplate('{machine} saved.'),
};

const POWER = {
  driverLabels: NO_WORDS,
  driver: (driver: string): string => words.power.driverLabels[driver] ?? driverLabel(driver),
  parameters: NO_PARAMETERS,
  /** @param driver that has it */
  parameter: (driver: string, name: string): ParameterWords =>
    words.power.parameters[`${driver} ${name}`] ?? parameterWords(driver, name),
  choices: { y: 'yes', n: 'no' },
  default: 'default',
  expects: (values: string) => `${asSentence(values)}.`,
  stored: 'Stored. Leave empty to keep it.',
  noDrivers: 'This process has no power drivers.',
  byHand: 'No parameters: you switch it when its page asks you to.',
  title: fillTemplate('Choose the power driver of {machine}'),
  drivers: 'Drivers',
  changed: fillTemplate('{machine} is now switched by {driver}.'),
  tasks: {
    on: {
      label: 'Power on',
      heading: fillTemplate('Power on {machine}'),
      effect: 'It powers on.',
      effectWhenOff: 'It powers on.',
      done: fillTemplate('{machine} is being powered on.'),
    },
    off: {
      label: 'Power off',
      heading: fillTemplate('Power off {machine}'),
      effect: 'Its system stops, and its users are disconnected. If its power is cut, unwritten data is lost.',
      effectWhenOff: 'It was off at the last check.',
      done: fillTemplate('{machine} is being powered off.'),
    },
    cycle: {
      label: 'Power cycle',
      heading: fillTemplate('Power cycle {machine}'),
      effect: 'Its power is cut and restored: unwritten data is lost.',
      effectWhenOff: 'It was off at the last check, so it only powers on.',
      done: fillTemplate('{machine} is being power cycled.'),
    },
    query: {
      label: 'Check power',
      heading: fillTemplate('Check the power of {machine}'),
      effect: 'Asks its driver whether it is on.',
      effectWhenOff: 'Asks its driver whether it is on.',
      /** @param state `undefined`: unknown @param why empty: nothing was said */
      done: (machine: string, state?: string, why = '') => {
        const stateText = state === 'error' ? 'could not be checked' : `is ${state ?? 'unknown'}`;
        return `The power of ${machine} ${stateText}${why === '' ? '' : `: ${why}`}.`;
      },
    },
  },
  method: 'Method',
  shutDown: { text: 'Shut down', meaning: 'Like pressing its power button. A hung system stays on.' },
  cut: { text: 'Cut the power', meaning: 'At once, whatever it is doing.' },
  follows: fillTemplate('It is {state} with nothing to do: when it boots from the network, it is told to power off.'),
};

const NETWORKS = {
  title: 'Networks',
  columns: {
    vlan: 'VLAN',
    subnet: 'Subnet',
    dhcp: 'DHCP',
    use: 'In use',
    address: 'Address',
    name: 'Name',
    mac: 'Hardware address',
    kind: 'State',
  },
  empty: {
    title: 'No subnets yet',
    hint: 'The networks that racks serve appear here by themselves. Enable DHCP on an interface of a rack, or add a subnet to its VLAN.',
  },
  noSubnet: 'no subnet',
  unserved: 'Networks of racks that no rack serves',
  enable: 'Enable DHCP',
  configure: 'Configure DHCP',
  vlan: (vid: number, name: string) =>
    vid === 0 ? 'untagged' : name === '' || name === String(vid) ? `VLAN ${vid}` : `${name} (${vid})`,
  inSpace: fillTemplate('space {space}'),
  mtu: (bytes: number) => (bytes === 1500 ? '' : `MTU ${bytes}`),
  dhcp: {
    none: 'No DHCP',
    off: 'Off',
    on: 'DHCP',
    both: 'DHCP and DNS',
    proxy: 'Boot only (proxy)',
    relayed: 'through relay agents',
    foreign: fillTemplate('Another DHCP server answers there: {address}. Switch it off, or use the mode proxy'),
  },
  use: fillTemplate('{label}: {taken} of {total}'),
  wholeSubnet: 'Addresses',
  rangeTypes: { dynamic: 'Dynamic', static: 'Static', reserved: 'Reserved' },
  subnet: 'Subnet',
  interfaceOf: (rack: string, name: string) => `${name} of ${rack}`,
  facts: {
    name: 'Name',
    place: 'VLAN',
    space: 'Space',
    router: 'Router',
    dns: 'DNS servers',
    ownDns: 'the rack',
    mtu: 'MTU',
    dhcp: 'DHCP',
    interfaces: 'Cluster interface',
  },
  addresses: (count: number) => counted(count, 'address', 'addresses'),
  ranges: 'Ranges',
  addRange: 'Add a range',
  noRanges:
    'No ranges: machines get no addresses here. A dynamic range is for unknown machines, a static one for deployed machines.',
  proxyRanges: 'Another DHCP server gives the addresses here.',
  inUse: 'Addresses in use',
  shown: {
    all: 'All',
    leased: 'Leased',
    held: 'Reserved',
    assigned: 'Machines',
    declined: 'Set aside',
    heard: 'Heard',
  },
  entryKinds: { assigned: 'assigned', held: 'reserved', declined: 'set aside', leased: 'leased', heard: 'heard' },
  leasedFor: fillTemplate('{duration} left'),
  heardAgo: fillTemplate('seen {ago}'),
  noEntries: {
    title: 'Nobody has an address here yet',
    hint: 'Leases, reservations, machines and hosts that racks hear appear here.',
  },
  noEntryFits: 'No address fits the filter.',
  reserve: 'Reserve an address',
  reserveThis: 'Reserve this',
  release: 'Release',
  forget: 'Forget',
  forgotten: fillTemplate('{ip} is forgotten until it is heard again.'),
  endLease: 'End lease',
  leaseEnded: fillTemplate('The lease of {ip} has ended.'),
  clearDeclined: 'Clear',
  declinedCleared: fillTemplate('{ip} is no longer set aside: the rack probes it before it offers it.'),
  released: fillTemplate('{ip} is no longer reserved.'),
  /** @param ip empty: any */
  reserved: (ip: string) => `${ip === '' ? 'An address' : ip} is reserved.`,
  reservation: {
    title: fillTemplate('Reserve an address of {cidr}'),
    needsMac: 'The address is in the dynamic range: give the hardware address of the host that gets it.',
    submit: 'Reserve',
  },
  routes: 'Static routes',
  route: fillTemplate('{to} via {gateway}'),
  metric: fillTemplate('metric {metric}'),
  noRoutes: 'No static routes: machines reach other networks through the router.',
  addRoute: 'Add a route',
};

const NETWORK_OBJECTS = {
  comment: 'Note',
  subnets: {
    title: 'Subnets',
    empty: 'No subnets yet. The networks that racks serve appear here by themselves.',
    addOne: 'Add a subnet',
    add: 'Add subnet',
    titleOf: fillTemplate('Edit {cidr}'),
    deleteIt: 'Delete the subnet',
    delete: 'Delete subnet',
    loss: 'Its ranges are deleted with it. It is refused while a rack serves it, or while a machine, a reservation or a route uses it. While the host of a rack is in it, it is listed again, without what was set for it.',
  },
  ranges: {
    title: 'Ranges',
    lead: 'Unknown machines get addresses of a dynamic range, deployed machines of a static one, and nobody gets those of a reserved range.',
    empty: 'No dynamic or reserved ranges yet.',
    addOne: 'Add a range',
    add: 'Add range',
    titleOf: fillTemplate('Range {span}'),
    deleteIt: 'Delete the range',
    delete: 'Delete range',
    user: 'User',
    loss: (isReserved: boolean) =>
      isReserved
        ? 'Its addresses can be given to machines again.'
        : 'Hosts get no more addresses of it. It is refused while a rack offers DHCP with it.',
  },
  routes: {
    title: 'Static routes',
    lead: 'Machines of the source reach the destination through the gateway of the route, and everything else through their router.',
    empty: 'No static routes yet: machines reach other networks through their router.',
    addOne: 'Add a static route',
    add: 'Add route',
    titleOf: fillTemplate('Route {ends}'),
    deleteIt: 'Delete the route',
    delete: 'Delete route',
    metric: 'Metric',
    loss: 'Machines lose the route when they renew their lease or are deployed again.',
  },
  fabrics: {
    title: 'Fabrics',
    lead: 'A fabric is a set of switches that share their VLANs: the same tag means the same network everywhere in it.',
    empty: 'No fabrics yet.',
    addOne: 'Add a fabric',
    add: 'Add fabric',
    titleOf: fillTemplate('Fabric {name}'),
    changeIt: 'Change the fabric',
    deleteIt: 'Delete the fabric',
    delete: 'Delete fabric',
    loss: 'Its VLANs are deleted with it. It is refused while it has subnets, or while a machine uses one of its VLANs.',
  },
  vlans: {
    title: 'VLANs',
    add: 'Add VLAN',
    titleOf: fillTemplate('{name} in {fabric}'),
    addTo: 'Add a VLAN',
    fabric: 'Fabric',
    edit: 'Change the VLAN',
    deleteIt: 'Delete the VLAN',
    delete: 'Delete VLAN',
    loss: 'It is refused while a subnet or a machine uses it.',
    addSubnet: 'Add a subnet',
    racks: 'Racks with DHCP',
    switchOff: 'Switch DHCP off',
    switchOn: 'Switch DHCP on',
    isOff: 'No rack offers DHCP in this VLAN.',
    noSubnet: 'It has no subnet yet: add one, then enable DHCP there.',
    switchedOn: 'DHCP is on.',
    switchedOff: 'DHCP is off.',
  },
  spaces: {
    none: 'No space',
    title: 'Spaces',
    lead: 'A space is a group of VLANs whose machines may reach each other. A VLAN is in at most one.',
    empty: 'No spaces yet.',
    addOne: 'Add a space',
    add: 'Add space',
    titleOf: fillTemplate('Space {name}'),
    deleteIt: 'Delete the space',
    delete: 'Delete space',
    loss: 'It is refused while VLANs are in it.',
    isNone: 'This stands for the VLANs that are in no space: it can be neither changed nor deleted.',
  },
};

/** A row of a DHCP option. */
const OPTIONS = {
  option: 'Option',
  type: 'Type',
  value: 'Value',
  /** The type that the option has by itself. */
  usual: 'usual type',
  row: fillTemplate('{part} {number}'),
};

const INTERFACES = {
  title: 'Cluster interfaces',
  lead: 'What each rack does in each of its networks. A rack follows a change at once.',
  empty: 'This rack serves no network yet: enable DHCP on one of its interfaces.',
  noRack: 'No rack is accepted yet: start one, and accept it.',
  columns: { dynamic: 'Dynamic range', static: 'Static range' },
  choose: 'Choose the network in which a rack is to offer DHCP.',
  chooseFor: (cidr: string, count: number) =>
    count === 0
      ? `No rack has an address in ${cidr}: give an interface of a rack one, or let relay agents pass on the requests.`
      : `Choose the rack that is to offer DHCP in ${cidr}.`,
  relayed: 'Through relay agents',
  /** @param cidr empty: not known yet */
  enableIn: (cidr: string) => (cidr === '' ? 'Enable DHCP through relay agents' : `Enable DHCP in ${cidr}`),
  by: (rack: string, nic: string, ip: string) =>
    nic === ''
      ? `${rack} answers requests that relay agents pass on.`
      : `${rack} answers on ${nic}, where it has ${ip}.`,
  enabled: fillTemplate('DHCP is enabled in {cidr}.'),
  foreign: fillTemplate(
    'Another DHCP server, {address}, answers in this network: machines may get addresses from either. Switch it off, or use the mode proxy.',
  ),
  outward: {
    short: 'leads to the default router',
    beware: fillTemplate(
      '{nic} leads to the default router: other hosts are there, and mostly a DHCP server. If one gives the addresses there, choose the mode proxy.',
    ),
  },
  second: {
    answers: (nic: string, servers: readonly string[]) =>
      `Another DHCP server answers on ${nic}: ${servers.join(', ')}. Two servers that give addresses on one network disturb every host there. Choose proxy, or switch that server off, or tick that both are to run.`,
    unchecked: fillTemplate(
      'It could not be checked whether another DHCP server answers on {nic}: if one does, use the mode proxy.',
    ),
    both: 'Run two DHCP servers there anyway',
  },
  modes: {
    server: { text: 'Server', meaning: 'The rack gives the addresses.' },
    proxy: {
      text: 'Proxy',
      meaning: 'Another DHCP server gives the addresses, and the rack only says what to boot. Ranges are not used.',
    },
  },
  others: 'Another network',
  further: 'More',
  name: { label: 'Name', hint: 'Default: that of the network interface.' },
  taken: fillTemplate('The rack has a cluster interface {name}: choose another name.'),
  fits: 'These values fit.',
  /** @param place `written in FILE as KEY` */
  pinned: fillTemplate('It is {place}: change it there.'),
  deleteIt: 'Delete the cluster interface',
  delete: 'Delete cluster interface',
  loss: 'The rack stops to offer DHCP and DNS there. Running leases stay valid until they end.',
  managements: {
    '2': { text: 'DHCP and DNS', meaning: 'Machines get addresses and names from the rack.' },
    '1': { text: 'DHCP', meaning: 'Machines get addresses, and names from another DNS server.' },
    '0': { text: 'Nothing', meaning: 'The network is known, and not managed.' },
  },
  fields: {
    management: { label: 'Management' },
    ip_range_low: {
      label: 'Dynamic range, first address',
      hint: 'For machines that enlist or are commissioned, and for unknown hosts.',
    },
    ip_range_high: { label: 'Dynamic range, last address' },
    static_ip_range_low: {
      label: 'Static range, first address',
      hint: 'For deployed machines, which keep their address.',
    },
    static_ip_range_high: { label: 'Static range, last address' },
    router_ip: { label: 'Router', hint: 'Given to machines. Leave empty for a network without a way out.' },
    dns_servers: { label: 'DNS servers', hint: 'Leave empty for the rack itself.' },
    interface: { label: 'Network interface', hint: "Of the rack's host, such as eth1." },
    ip: { label: 'Address of the rack' },
    network: {
      label: 'Network',
      hint: 'Such as 10.30.0.0/24. It follows from the address and the mask, if it is empty.',
    },
    subnet_mask: { label: 'Mask', hint: 'Such as 255.255.255.0, in place of the network.' },
    broadcast_ip: { label: 'Broadcast address', hint: 'Default: the last address of the network.' },
    relayed: { label: 'Reached only through relay agents' },
    domain: { label: 'Domain', hint: 'Of the names of machines there. Default: that of the settings.' },
    ntp_servers: { label: 'NTP servers' },
    lease_time: { label: 'Lease time', hint: 'Such as 10m or 12h.' },
    mode: {
      label: 'Mode',
      hint: 'Before it gives addresses, the rack looks for about 5 seconds whether another server does.',
    },
    authoritative: { label: 'Authoritative', hint: 'yes: this is the only DHCP server there.' },
    identity: { label: 'Clients are known by' },
    relays: { label: 'Relay agents', hint: 'Addresses and networks. Default: every relay agent.' },
    options: {
      label: 'DHCP options',
      hint: 'By name or code. Several values with commas between. Empty the option to delete its row.',
    },
  },
};

const NEIGHBOURS = {
  title: 'Hosts heard',
  lead: 'Hosts that are not machines or devices, and that racks heard by a lease or on the wire in the last 7 days.',
  empty: {
    title: 'No hosts heard yet',
    hint: 'Racks note every host that takes an address or shows itself in their networks.',
  },
  columns: { host: 'Host', subnet: 'Subnet', rack: 'Heard by', seen: 'Last heard', first: 'First heard' },
  scan: 'Scan the networks',
  scanned: 'The rack scans its networks: hosts that answer appear here.',
  clear: 'Forget all',
  cleared: 'All hosts are forgotten until they are heard again.',
};

const ADDRESS_MAP = {
  /** What each address is; a number stands before it. */
  kinds: {
    free: 'free',
    edge: 'for no host',
    dynamic: 'dynamic',
    static: 'static',
    reserved: 'in reserved ranges',
    heard: 'heard on the wire',
    leased: 'leased',
    declined: 'set aside',
    held: 'reserved',
    assigned: 'of machines',
    router: 'of routers',
    rack: 'of racks',
  },
  span: (first: string, last: string) => (first === last ? first : `${first} – ${last}`),
  /** @param owner empty: nobody */
  of: (span: string, what: string, owner: string) => `${span}: ${owner === '' ? what : `${owner} (${what})`}`,
  counted: fillTemplate('{count} {kind}'),
  scale: fillTemplate('Each square is {count} addresses.'),
  label: fillTemplate('The addresses: {summary}'),
};

const IMAGES = {
  title: 'Images',
  columns: {
    system: 'System',
    architecture: 'Architecture',
    version: 'Version',
    size: 'Size',
    usedBy: 'Used by',
    act: 'Import',
  },
  states: {
    queued: 'Queued',
    waiting: 'Waiting',
    connecting: 'Connecting',
    downloading: 'Downloading',
    verifying: 'Verifying',
    uploading: 'Uploading',
    cancelled: 'Cancelled',
    stopped: 'Stopped',
    failed: 'Failed',
    done: 'Ready',
    gone: 'Gone',
  },
  coming: fillTemplate('New: {serial}'),
  onDisk: (size: number) => `${formatSize(size)} on a disk`,
  uses: (first: string, machines: number) =>
    machines === 1 ? first : `${first} and ${counted(machines - 1, 'other machine')}`,
  deploying: fillTemplate('{machines} being deployed'),
  amount: (bytes: number, total: number | undefined) =>
    total === undefined ? formatSize(bytes) : `${formatSize(bytes)} of ${formatSize(total)}`,
  rate: (bytesPerSecond: number) => `${formatSize(bytesPerSecond)}/s`,
  left: (ms: number) => `${formatDuration(ms)} left`,
  nextTry: (ms: number) => (ms <= 0 ? 'tries again now' : `tries again in ${formatDuration(ms)}`),
  /** Of one that was stopped with all others. */
  resumes: (ms: number) => (ms <= 0 ? 'continues now' : `continues in ${formatDuration(ms)}`),
  untilAsked: 'until somebody resumes it or requests an import',
  importNow: 'Import now',
  stopImport: 'Stop import',
  asked: 'You requested an import.',
  stopped: 'You stopped the import.',
  resume: 'Resume',
  retry: 'Try again',
  done: {
    resume: fillTemplate('Resumed {image}.'),
    delete: fillTemplate('{image} is deleted.'),
  },
  run: {
    running: 'An import is under way.',
    idle: fillTemplate('The last import ended {ago}.'),
    never: 'Nothing has been imported yet.',
    next: (ms: number) => (ms <= 0 ? 'The next one begins now.' : `The next one begins in ${formatDuration(ms)}.`),
    onDemand: 'None is scheduled.',
    failed: (count: number) => `${counted(count, 'image has', 'images have')} failed.`,
    left: (count: number) => `"Not imported" lists ${counted(count, 'source or selection', 'sources or selections')}.`,
  },
  skipped: {
    title: 'Not imported',
    more: (count: number) => `and ${counted(count, 'other')}`,
  },
  installers: 'Installers',
  reported: 'Downloads by racks',
  selected: 'Selected',
  notOffered: fillTemplate('{selection} · not offered'),
  sourcesLink: 'Image sources',
  choose: 'Choose images',
  upload: 'Upload',
  free: (bytes: number) => `${formatSize(bytes)} free on their disk.`,
  empty: {
    title: 'No images yet',
    /** While nothing is selected. */
    choose:
      'Machines get their system from an image. Choose which: one system for one architecture downloads 0.3 to 1 GiB. Or upload a file.',
    /** For those who may not choose. */
    wait: 'An administrator chooses which images the region has.',
    selected: '"Import now" fetches what is chosen.',
  },
  /** Where no source can be reached. */
  byHand: html`Without a source: <code>sudo rackboot images make-debian</code> makes a Debian on the rack from the packages of a Debian mirror, in about
    ten minutes, and${' '}<code>sudo rackboot images add FILE --os debian --release trixie</code> adds an image of your own.`,
  footer: html`On the rack: <code>sudo rackboot images import</code>, <code>sudo rackboot images add</code>,
    ${' '}<code>sudo rackboot images remove</code>. From anywhere: <code>rackboot images upload</code>.`,
  /** One image. */
  all: 'All images',
  total: (size: number) => `${formatSize(size)} to download`,
  versions: 'Versions',
  onDiskColumn: 'On a disk',
  kind: 'Kind',
  kinds: {
    disk: 'Image of a disk',
    root: 'Root of a system',
    loader: 'Boot loader',
    installer: 'Installer',
  },
  starts: 'Starts by',
  /** @param ways `BIOS`, `UEFI`; empty: no loader was found */
  startsBy: (ways: readonly string[]) => (ways.length === 0 ? 'Unknown' : ways.join(' and ')),
  cloudInit: (isThere: boolean) => (isThere ? 'cloud-init' : 'no cloud-init was found in it'),
  added: 'Added, made or uploaded by hand',
  sha256: 'SHA-256',
  isComing: fillTemplate('{serial}, not imported yet'),
  source: 'Source',
  state: 'State',
  deleteIt: 'Delete this image',
  deleteWhat: (isImported: boolean) =>
    isImported
      ? 'All its versions are deleted. While a selection includes it, the next import fetches it again: remove the selection to prevent that.'
      : 'All its versions are deleted.',
  deleteUsed: (machines: number) =>
    `${counted(machines, 'machine has', 'machines have')} this system; ${machines === 1 ? 'its disk is' : 'their disks are'} not changed.`,
  delete: 'Delete image',
  deleteAll: (versions: number) => `Delete all ${counted(versions, 'version')}`,
};

const CHOOSE = {
  title: 'Choose images',
  lead: 'Tick what the region shall have. An import fetches what is ticked, and later its newer versions. Images that are there stay when their tick goes.',
  /** While nothing is selected. */
  first: 'Nothing is ticked yet',
  how: 'Tick the systems that machines shall get: each needs an image of its release for the architecture of the machines.',
  /** While an image is ticked that nobody has saved. */
  proposed: 'An image to begin with is ticked',
  /** @param bytes undefined: unknown */
  example: (title: string, architecture: string, bytes: number | undefined) =>
    `For example ${title} for ${architecture}${bytes === undefined ? '' : `, which downloads ${formatSize(bytes)}`}.`,
  columns: {
    release: 'Release',
    architecture: 'Architecture',
    date: 'Date',
    source: 'Source',
  },
  offers: (count: number) => counted(count, 'image'),
  ticked: fillTemplate('{count} ticked'),
  /** Before the selection. */
  fixed: (isTicked: boolean) => (isTicked ? 'Included by the selection' : 'Left out by the selection'),
  filter: 'Filter',
  placeholder: 'system, release or title',
  anyArchitecture: 'any architecture',
  anySource: 'any source',
  old: 'also releases without support',
  clear: 'Show all',
  nothing: 'No source offers an image',
  nothingHint: 'The list of sources below says why. A source of your own network can be added under "Image sources".',
  noneFits: 'No image fits the filter',
  noneFitsHint: 'Releases whose support has ended are not listed unless you ask for them.',
  cut: (more: number) => `${counted(more, 'further image is', 'further images are')} not listed: filter the list.`,
  /** @param count how many are ticked @param size what they download */
  sum: fillTemplate('{count} ticked, {size} to download'),
  free: fillTemplate('{size} free on the disk of images'),
  noRoom: 'The disk has no room for this.',
  save: 'Only save',
  saveAndImport: 'Save and import',
  saved: (changes: number) =>
    changes === 0 ? 'Nothing was changed.' : `Saved ${counted(changes, 'change')}. The next import follows them.`,
  importing: 'Saved. The import has begun.',
  asking: 'asking',
  askingAll: 'The sources are being asked what they offer.',
  showNow: 'Show what has come so far',
  askAgain: 'Ask again',
  askedAgain: 'The sources have been asked again.',
  sources: (count: number) => `${counted(count, 'source')} asked`,
  failed: (failed: number, all: number) => `${failed} of ${counted(all, 'source')} could not be read, or only in part`,
  waiting: (count: number) => `${counted(count, 'source has', 'sources have')} not answered yet`,
};

const UPLOAD = {
  title: 'Upload an image',
  lead: html`The image of a disk, or the root of a system as an archive, which machines then get as their system. The file must arrive within
    five minutes. <code>rackboot images upload</code> sends a larger one in pieces.`,
  noStore: 'This host of the region keeps no images: open this page on the host that does.',
  /** @param type as the API names it */
  kindOf: (type: string) =>
    type === 'squashfs' || type.startsWith('t') ? `${type}: the root of a system` : `${type}: the image of a disk`,
  sending: 'Sent',
  submit: 'Upload',
  broken: 'The connection ended before the file had arrived: send it again.',
  done: fillTemplate('{name} has arrived.'),
};

const SOURCES = {
  title: 'Image sources',
  lead: 'A source is a site that offers images. An image that several of them offer comes from the first one in this order.',
  problems: {
    all: '',
    last: 'The file of sources has an error; its last good version is in force',
    sources: 'The selections of the file of sources have an error; none of them is in force',
    none: 'The file of sources has an error; nothing is imported from sources of files',
  } satisfies Record<FilesInForce, string>,
  pinned: fillTemplate('Written in {file}'),
  shipped: 'Shipped with Rackboot',
  pinnedSource: fillTemplate('This source is written in {file}. Its URL and its keys can be changed only there.'),
  /** @param file the site's file of sources */
  shippedSource: (file: string) =>
    html`It is part of Rackboot. To change it, write a source of this name into <code>${file}</code>, which replaces it.`,
  /** @param line undefined: unknown */
  pinnedSelection: (file: string, line: number | undefined) =>
    `Written in ${line === undefined ? '' : `line ${line} of `}${file}: remove it there.`,
  about: 'About this source',
  hostMirror: 'the package mirror of this host',
  missing: 'missing',
  keysFile: 'File of keys',
  keysUrl: 'Keys fetched from',
  fingerprints: 'Accepted keys',
  selections: (count: number) => counted(count, 'selection'),
  addOne: 'Add a source',
  add: 'Add source',
  signed: {
    file: fillTemplate('Signed: keys in {path}'),
    missing: fillTemplate('Signed: keys in {path}, which is missing'),
    site: fillTemplate('Signed: keys fetched from {host}'),
    own: 'Signed: keys of its own',
    accepted: (count: number) => (count === 0 ? 'Signed' : `Signed: ${counted(count, 'accepted key')}`),
  },
  unsignedFor: fillTemplate('Unsigned: {why}'),
  added: fillTemplate('Source {source} added. Now select images from it.'),
  saved: fillTemplate('Source {source} saved.'),
  deleted: fillTemplate('Source {source} deleted.'),
  selected: 'Selected images',
  nothing: 'Nothing is selected, so nothing is imported.',
  select: 'Select images by name',
  selectIt: 'Select',
  /** Before the reason. */
  failed: 'At the last import:',
  offered: 'What it offers',
  silent: 'It has not answered yet.',
  tested: { green: 'Answers', amber: 'Is being asked', red: 'Has a problem' },
  /** @param ms until the next import; undefined: none is scheduled */
  selectionAdded: (image: string, ms: number | undefined) =>
    `${image} is selected: ${ms === undefined ? 'no import is scheduled' : `the next import, ${ms <= 0 ? 'now' : `in ${formatDuration(ms)}`}, fetches it`}. ` +
    '"Import now" on the page Images begins one at once.',
  selectionRemoved: fillTemplate('{image} is no longer selected. Imported versions stay.'),
  remove: 'Remove',
  hasKeys: (bytes: number) => `It has its own keys (${formatSize(bytes)}). New keys replace them.`,
  change: 'This source',
  deleteIt: 'Delete this source',
  deleteWhat: 'Its selections are deleted, too. Imported images stay.',
  delete: 'Delete source',
};

const TAGS = {
  title: 'Tags',
  machines: (machines: number) => counted(machines, 'machine'),
  empty: 'No tags yet. A tag groups machines, and can set their kernel parameters.',
  addOne: 'Add a tag',
  add: 'Add tag',
  lead: 'To tag a machine, add the tag here first; then edit the machine on its page.',
  titleOf: fillTemplate('Tag {tag}'),
  deleteIt: 'Delete this tag',
  delete: 'Delete tag',
  loss: (machines: number) =>
    machines === 0
      ? 'No machine has it.'
      : `${counted(machines, 'machine loses', 'machines lose')} it, with its kernel parameters.`,
};

const PROFILES = {
  title: 'Profiles',
  lead: 'What machines boot instead of what their life asks for. Work for the region, such as commissioning, comes first.',
  empty: 'No profiles yet. A profile boots another system, a live disc or a memory test.',
  addOne: 'Add a profile',
  add: 'Add profile',
  titleOf: fillTemplate('Profile {profile}'),
  what: 'Boots',
  forWhom: 'For',
  unknown: 'machines nobody knows',
  offered: 'in the menu',
  deleteIt: 'Delete this profile',
  delete: 'Delete profile',
  loss: 'Its machines go on with their life at their next start.',
  boots: fillTemplate('Boots the profile {profile}'),
  instead: 'From its next start on, instead of what its life asks for. It cannot be deployed meanwhile.',
  afterWork: 'Its present work comes first.',
  leave: 'Back to its life',
  left: fillTemplate('{machine} boots no profile any more: it goes on with its life at its next start.'),
};

const SCRIPTS = {
  title: 'Scripts',
  commissioning: 'Commissioning',
  testing: 'Testing',
  empty: 'No scripts: only the built-in checks run.',
  order: fillTemplate('order {position}'),
  atMost: fillTemplate('at most {time}'),
  changed: fillTemplate('changed {ago}'),
  destructive: 'overwrites data',
  onlyChosen: 'runs only where it is chosen',
  tagged: (tags: readonly string[]) => `tags: ${tags.join(', ')}`,
  read: 'Read',
  file: { label: 'File', hint: 'Its text replaces the one below.' },
  addOne: 'Add a script',
  add: 'Add script',
  added: fillTemplate('Script {script} added: it runs from now on.'),
  titleOf: fillTemplate('Script {script}'),
  all: 'All scripts',
  deleteIt: 'Delete this script',
  deleteWhat: 'It will no longer run. Its results are kept.',
  delete: 'Delete script',
  deleted: fillTemplate('Script {script} deleted.'),
  saved: fillTemplate('Script {script} saved.'),
};

/** The label of each key of the configuration, and what a person needs to know to set it. */
const SETTING_KEYS: Readonly<Record<string, { readonly label: string; readonly hint: string }>> = {
  name: { label: 'Name of the rack', hint: "One DNS label. Default: the host's name." },
  state_dir: {
    label: 'State directory',
    hint: 'Where databases and the control socket are, and the boot tree unless it is elsewhere. A change waits for the next start.',
  },
  http_proxy: {
    label: 'Proxy',
    hint: 'Of machines that install, and of imports of images: http, without a password. none: no proxy.',
  },
  enable_http_proxy: {
    label: 'Use the proxy',
    hint: 'Without the tick nothing uses the proxy, which keeps its address.',
  },
  cluster_interfaces: {
    label: 'Cluster interfaces',
    hint: 'The networks that racks serve: addresses, ranges, routers and options.',
  },
  'dhcp.server_port': {
    label: 'Port of the server',
    hint: 'Another than 67 is for tests: no firmware asks anywhere else.',
  },
  'dhcp.client_port': { label: 'Port of clients', hint: '68 outside of tests.' },
  'dhcp.foreign_probe': {
    label: 'Search for other DHCP servers',
    hint: 'How often each network is asked whether another DHCP server answers there: 1m to 1d, or no. In seconds without a unit.',
  },
  'dhcp.proxy_port': {
    label: 'Port in proxy mode',
    hint: 'Where clients of networks in proxy mode ask a second time.',
  },
  'dhcp.new_clients_per_second': {
    label: 'New clients a second',
    hint: 'Unknown clients that get an offer, for each interface, relay agent or circuit; 0: no limit. Known machines do not count.',
  },
  'dhcp.lease_time': { label: 'Lease time', hint: 'Seconds, or 90s, 10m, 12h, 7d; 30 s to 365d. Default: 10m.' },
  'dhcp.pxe_lease_time': {
    label: 'Lease time of firmware',
    hint: 'Of firmware and loaders, which never renew; from 10 s on. Default: 30s.',
  },
  'dhcp.deployed_lease_time': {
    label: 'Lease time of deployed machines',
    hint: 'Longer, it survives a longer stop of the rack. Default: the lease time.',
  },
  'dhcp.lease_time_min': {
    label: 'Shortest lease',
    hint: "A client's own wish counts between this and the longest. Default: the lease time.",
  },
  'dhcp.lease_time_max': {
    label: 'Longest lease',
    hint: 'Without it and the shortest, wishes of clients are ignored. Default: the lease time.',
  },
  'dhcp.t1': {
    label: 'Renewal (T1)',
    hint: 'After this a client renews at its rack. Default: half of the lease time.',
  },
  'dhcp.t2': {
    label: 'Rebinding (T2)',
    hint: 'After this a client renews at any rack. Default: seven eighths of the lease time.',
  },
  'dhcp.options': {
    label: 'DHCP options',
    hint: 'For every network that says nothing else. By name or code; several values with commas between. Empty the option to delete its row.',
  },
  'dhcp.classes': {
    label: 'Classes of clients',
    hint: 'Clients by name, hardware address or vendor, with settings of their own. YAML, such as: - { name: guests, when: { hostname: "*-guest" }, deny: true }',
  },
  'dns.listen': {
    label: 'Addresses of the server',
    hint: 'Default: the address of every interface with DNS, and loopback.',
  },
  'dns.listen_port': { label: 'Port of the server', hint: 'DHCP offers the rack as DNS server only at 53.' },
  'dns.domain': { label: 'Default domain', hint: 'The zone of machines that are in no other.' },
  'dns.domains': { label: 'Further domains', hint: 'Zones for which the racks are authoritative, too.' },
  'dns.upstream': {
    label: 'Upstream servers',
    hint: 'Asked for names outside of the own zones: addresses, or address:port, one a line. Without any, other names are refused.',
  },
  'dns.dnssec_validation': {
    label: 'DNSSEC validation',
    hint: 'Rackboot does not validate: for validated answers, name an upstream server that does.',
  },
  'dns.forward_zones': {
    label: 'Forwarded domains',
    hint: 'Domains that other servers know. YAML, such as: corp.example: [192.0.2.99]',
  },
  'dns.records': { label: 'Records', hint: 'Names and records besides those of machines.' },
  'dns.allow_recursion': {
    label: 'Networks with recursion',
    hint: 'Networks that may ask for other names, besides the managed ones and this host; one a line.',
  },
  'tftp.listen': { label: 'Addresses of TFTP', hint: 'Default: the address of every cluster interface.' },
  'tftp.listen_port': { label: 'Port of TFTP', hint: '69 outside of tests.' },
  'tftp.allow': {
    label: 'Further clients of TFTP',
    hint: 'Networks and addresses that may load files, besides the configured ones and this host; one a line.',
  },
  'boot.tree': {
    label: 'Boot tree',
    hint: 'The loaders, kernels and images that machines load. Default: boot below the state directory.',
  },
  'boot.loaders': {
    label: 'Loaders',
    hint: 'Replaces entries of the built-in table: the number of an architecture, or ipxe, and a file or URL. YAML, such as: 7: bootx64.efi',
  },
  'boot.quirks': {
    label: 'Quirks of firmware',
    hint: 'Besides the built-in ones. YAML, such as: - { mac: "00:1b:21", quirk: boot-server }',
  },
  'boot.kernel_params': {
    label: 'Kernel parameters',
    hint: 'For machines that have none of their own and none from a tag.',
  },
  'boot.release': {
    label: 'Release of the environment',
    hint: 'The ephemeral environment, in which machines are commissioned, deployed and erased.',
  },
  'boot.enlist_with': {
    label: 'System for enlistment',
    hint: 'What an unknown machine runs to report itself: environment, installer, or an imported system such as ubuntu/noble.',
  },
  'boot.profiles': { label: 'Profiles', hint: 'What machines boot instead of what their life asks for.' },
  'boot.menu': { label: 'Menu on the screen', hint: 'How long it offers profiles, such as 10s; or no.' },
  'boot.copy_images': {
    label: 'Copy images to racks',
    hint: "A rack with a remote region copies the region's images. Without the tick it has only those that are added there.",
  },
  'boot.http.listen': {
    label: 'Addresses of HTTP',
    hint: 'Of boot files. Default: the address of every cluster interface, at 5248 and 80.',
  },
  'boot.http.tls.cert': {
    label: 'File of the certificate',
    hint: 'For HTTPS boot: the certificate and those that lead to its authority, which the firmware must trust.',
  },
  'boot.http.tls.key': { label: 'File of the private key', hint: 'For HTTPS boot: without a passphrase.' },
  'boot.http.tls.listen': {
    label: 'Addresses of HTTPS',
    hint: 'Of boot files. Default: the addresses of HTTP, at 443.',
  },
  'enlistment.bmc_user': {
    label: 'Make a BMC account',
    hint: 'A machine that enlists makes the user maas on its own BMC, so that it can be switched on later.',
  },
  'enlistment.name': {
    label: 'Names of new machines',
    hint: 'Two words, or the serial number or asset tag of the firmware where these identify the machine.',
  },
  'deployment.osystem': {
    label: 'Distribution',
    hint: 'Of a deployment that names none, such as debian. Default: whichever has the release.',
  },
  'deployment.release': {
    label: 'Release',
    hint: 'Of a deployment that names none, such as trixie. Default: the system that the machine had before.',
  },
  'deployment.kernel': {
    label: 'Oldest kernel',
    hint: "Of a deployment that names none, such as hwe-24.04. Default: the release's own.",
  },
  'preseeds.directory': {
    label: 'Directory of preseeds',
    hint: 'Your own templates, which come before the shipped ones.',
  },
  'preseeds.debian_mirror': { label: "Debian's mirror", hint: "Where Debian's installer finds packages." },
  'preseeds.ubuntu_mirror': { label: "Ubuntu's mirror", hint: 'On amd64 and i386.' },
  'preseeds.ubuntu_ports_mirror': { label: "Ubuntu's mirror of ports", hint: 'On every other architecture.' },
  'region.mode': {
    label: 'Mode',
    hint: 'embedded: the region runs in the process of a rack; remote: it is elsewhere. A change waits for the next start.',
  },
  'region.url': {
    label: 'URL of the region',
    hint: 'Of a remote region, or its several URLs. A change waits for the next start.',
  },
  'region.api_key_file': {
    label: 'File of the key',
    hint: 'The key by which a remote region knows this rack. A change waits for the next start.',
  },
  'region.ca_file': {
    label: 'File of the authority',
    hint: 'Certificates that verify a remote region. A change waits for the next start.',
  },
  'region.listen': {
    label: 'Addresses of API and page',
    hint: 'Default: loopback and the address of every cluster interface, at 5240.',
  },
  'region.tls.cert': {
    label: 'File of the certificate',
    hint: 'For HTTPS: the certificate and those that lead to its authority.',
  },
  'region.tls.key': { label: 'File of the private key', hint: 'For HTTPS: without a passphrase.' },
  'region.tls.listen': { label: 'Addresses of HTTPS', hint: 'Default: the addresses of API and page, at 5443.' },
  'region.public_url': {
    label: 'Public URL',
    hint: 'The URL for people, and the only host name in URLs given to machines. Default: the host that a request names.',
  },
  'region.proxies': { label: 'Load balancers', hint: 'In front of the region: their headers say who asks, and how.' },
  'region.new_machines_max': {
    label: 'Most new machines',
    hint: 'Beyond this number, a newcomer replaces a new machine that no rack booted, or is refused.',
  },
  'region.retries': {
    label: 'Restarts of a hanging machine',
    hint: 'How often it is restarted before its disk is written, if its power can be switched: 0 to 5.',
  },
  'region.import_every': {
    label: 'Import of images',
    hint: 'How often the selected images are imported: 1m to 30d, or no. In seconds without a unit.',
  },
  'region.import_limit': {
    label: 'Limit of imports',
    hint: 'What all downloads together take at most, in MiB a second: 0.1 to 10000, or no. Default: no.',
  },
  'region.import_keep': {
    label: 'Versions of an image',
    hint: 'How many of the newest imported versions are kept: 1 to 100.',
  },
  'region.default_zone_description': { label: 'Description of the default zone', hint: '' },
  'region.default_pool_description': { label: 'Description of the default pool', hint: '' },
  'region.name': { label: 'Name of the region', hint: 'Shown at the top of every page, beside Rackboot.' },
  'region.first_run_done': {
    label: 'The first steps are done',
    hint: 'With the tick, the page no longer offers them to administrators.',
  },
  'metrics.listen': {
    label: 'Addresses of metrics',
    hint: 'Of /metrics, /healthz and /readyz, without a password. Default: 127.0.0.1:5249.',
  },
  'log.level': { label: 'Level of the log', hint: 'Less important events are not logged.' },
  'log.levels': { label: 'Levels of rooms', hint: 'Another level for parts of the log. YAML, such as: dns: warning' },
  'log.file': { label: 'File of the log', hint: 'Default: standard output.' },
  'log.format': { label: 'Format of the log', hint: 'JSON, or lines for people. Default: lines in the journal.' },
};

const SETTINGS_PAGE = {
  title: 'Settings',
  lead: 'An empty field has the default. What a configuration file sets is read-only here.',
  keys: SETTING_KEYS,
  groups: {
    general: 'General',
    dns: 'DNS',
    dhcp: 'DHCP',
    boot: 'Boot',
    machines: 'Enlistment and deployment',
    region: 'Region',
    log: 'Log and metrics',
  },
  stored: 'set here',
  none: 'none',
  byDefault: (value: string) => (value === '' ? 'Default' : `Default (${value})`),
  /** @param place the file and the key */
  setIn: fillTemplate('Read-only: {place}.'),
  onlyFile: fillTemplate('only {file} can set it, as {key}'),
  writtenIn: pinText,
  elsewhere: 'Change it on its page',
  entries: (count: number) => counted(count, 'entry', 'entries'),
  yamlFault: fillTemplate('Line {line}: {message}'),
  tooLarge: 'This is too large or too deeply nested.',
  footer: html`The same on the command line: <code>sudo rackboot config show</code> and <code>sudo rackboot config set</code>.`,
  unchanged: 'Nothing was changed.',
  saved: (labels: readonly string[]) => `Saved: ${labels.join(', ')}.`,
};

const FIRST_RUN = {
  title: 'Set up this region',
  lead: fillTemplate(
    '{done} of {steps} steps are done. Each takes a few seconds and can be skipped; what you skip stays on the overview.',
  ),
  over: 'Everything is set. Now boot a machine from the network.',
  begin: 'Continue',
  later: 'Not now',
  toOverview: 'To the overview',
  dismiss: 'Do not remind me',
  dismissed: 'The overview no longer lists the first steps. They are still at /MAAS/first-run/.',
  /** On the overview. */
  left: fillTemplate('Set up this region: {left} of {steps} steps are left'),
  done: 'done',
  show: 'Open',
  next: 'Next',
  skip: 'Skip',
  save: 'Save and continue',
  progress: fillTemplate('Step {step} of {steps}'),
  keys: (keys: number) => counted(keys, 'key'),
  key: {
    label: 'Your key',
    hint: 'Paste a public key, or name an account from which to take its keys.',
    fromSite: { label: 'Or from a site', hint: 'gh:NAME for GitHub, lp:NAME for Launchpad.' },
    none: 'Paste a key, or name an account.',
  },
  files: {
    built: 'No rack says that boot files are missing.',
    after: 'It takes a few minutes. Within a minute after it, this step is done.',
  },
  /** `why` says what goes wrong without it. */
  steps: {
    name: {
      title: 'Name',
      lead: 'Every page shows it, and clients of the API read it as maas_name.',
      why: 'It tells this region from others, on every page.',
      button: 'Set name',
    },
    upstream: {
      title: 'DNS servers for other names',
      lead: 'The racks answer for the names of machines, and ask these servers for all others.',
      why: 'Without them, machines find no names outside.',
      button: 'Set servers',
    },
    archives: {
      title: 'Package archives of Ubuntu',
      lead: 'Installed machines and installers take their packages from here. Keep these, or name a mirror of your own.',
      why: "Without a choice, machines use Ubuntu's own.",
      button: 'Set archives',
    },
    proxy: {
      title: 'Proxy',
      lead: 'If machines reach the internet only through a proxy, name it. Leave it empty if they need none.',
      why: 'Without a choice, nothing uses a proxy.',
      button: 'Set the proxy',
    },
    key: {
      title: 'Your SSH key',
      lead: 'With it you log in to the machines that you deploy.',
      why: 'Without one, deployments are refused.',
      button: 'Add a key',
    },
    images: {
      title: 'Images',
      lead: 'The systems that machines shall get. The import goes on in the background.',
      why: 'Without one, nothing can be deployed.',
      button: 'Choose images',
    },
    files: {
      title: 'Boot files',
      lead: 'Machines load them from the rack first: a loader, and the environment that takes stock of a machine and installs it. They are made on the host of the rack.',
      why: 'Without them, no machine boots from the network.',
      button: 'Build boot files',
    },
    dhcp: {
      title: 'DHCP',
      lead: 'The rack gives machines addresses and tells them what to boot. The ranges are proposed in the free part of the network.',
      why: 'Without it, no machine boots from the network.',
      button: 'Enable DHCP',
    },
  },
};

const MACHINE = {
  noReason: 'No reason was given.',
  more: 'More',
  belongsTo: fillTemplate('It belongs to {owner}.'),
  locked: (systemId: string) =>
    html`It is locked. To unlock it, run <code>sudo rackboot machines unlock ${systemId}</code>.`,
  recent: 'What happened last',
  allEvents: 'All events',
  remedies: {
    switchOn: 'Press its power button, with the network first in its boot order.',
    restart: 'Restart it by hand, with the network first in its boot order.',
    chooseDriver: 'Let Rackboot switch it: choose its power driver.',
    broken: 'Repair it, then mark it as fixed.',
    missing: 'When it is back, reinstate it.',
    seeScripts: 'See what its scripts said.',
    seeBoot: 'See how it booted.',
  },
  notEnlisted: 'not enlisted',
  stranger: 'It was seen on the network but has not enlisted. Nothing else is known about it.',
  onTheRack: (machine: string) =>
    html`On the rack: <code>sudo rackboot trace ${machine} --follow</code> shows each step as it happens, <code>sudo rackboot why ${machine}</code> shows what it would get now.`,
};

const SECTIONS = {
  label: 'Sections of this machine',
  names: {
    '': 'Overview',
    boot: 'Boot',
    hardware: 'Hardware',
    network: 'Network',
    storage: 'Storage',
    scripts: 'Scripts',
    preseed: 'Preseed',
    events: 'Events',
  },
  title: (machine: string, section: string) => `${section} of ${machine}`,
};

const WATERFALL = {
  dhcp: (client: string | undefined) => (client === undefined ? 'DHCP, running system' : `DHCP, ${client}`),
  lease: 'DHCP lease',
  asked: fillTemplate('had been asking for {span}'),
  missing: 'Not there',
  report: 'Reports',
  written: 'Disk written',
  metadata: fillTemplate('Metadata {file}'),
  hint: 'What this shows',
  sentAgain: (blocks: number) => `${counted(blocks, 'block')} sent again`,
  rate: fillTemplate('{size}/s'),
  /** @param why empty: the usual one */
  file: (file: string, why: string) => (why === '' ? `gets ${file}` : `gets ${file}, because it is ${why}`),
  /** @param state undefined: not known any more */
  told: (purpose: string, state: string | undefined) =>
    state === undefined ? `told ${purpose}` : `told ${purpose}, because it was ${state}`,
  toldStranger: fillTemplate('told {purpose}, because the region did not know it'),
  cannotStart: fillTemplate('cannot start: {problem}'),
  bar: fillTemplate('{offset} after the start, for {span}'),
  cut: (rows: number) => `${counted(rows, 'further step')} in the log`,
  failedAs: fillTemplate('It became {state}.'),
  stopped: fillTemplate('Its last step was {step}; nothing more was heard of it.'),
};

const BOOTS = {
  title: fillTemplate('Boot, {ago}'),
  lastGood: 'The last good boot',
  verdicts: { good: 'went well', bad: 'failed', 'going-on': 'going on', stopped: 'stopped' },
  heads: { good: '', bad: 'This boot failed', 'going-on': '', stopped: 'This boot stopped' },
  see: 'See its boot',
  lastBoot: 'Its last boot:',
  goodWentOn: fillTemplate('The last good boot went on with: {step}.'),
  regionSays: fillTemplate('The region says: {reason}.'),
  others: 'Boots',
  none: 'No boot yet',
  noneHint: 'When it boots from the network, each exchange and transfer appears here as a bar, while it happens.',
};

const LAYOUT = {
  tasks: {
    bond: 'Make a bond',
    bridge: 'Make a bridge',
    'vlan-interface': 'Make a VLAN interface',
    interface: 'Add an interface',
    'edit-physical': 'Edit',
    'edit-bond': 'Edit',
    'edit-bridge': 'Edit',
    'edit-vlan': 'Edit',
    link: 'Link',
    unlink: 'Unlink',
    gateway: 'Make default gateway',
    disconnect: 'Disconnect',
    tag: 'Add a tag',
    untag: 'Remove a tag',
    'delete-interface': 'Delete',
    'clear-gateway': 'Forget the default gateway',
    'restore-network': 'Restore the network',
    'lay-out': 'Lay out the boot disk',
    disk: 'Add a disk',
    'edit-disk': 'Edit',
    'delete-disk': 'Delete',
    'boot-disk': 'Boot from it',
    partition: 'Partition',
    'delete-partition': 'Delete',
    format: 'Format',
    unformat: 'Unformat',
    mount: 'Mount',
    unmount: 'Unmount',
    'format-partition': 'Format',
    'unformat-partition': 'Unformat',
    'mount-partition': 'Mount',
    'unmount-partition': 'Unmount',
    raid: 'Make a RAID',
    'edit-raid': 'Edit',
    'delete-raid': 'Delete',
    group: 'Make a volume group',
    'edit-group': 'Edit',
    'delete-group': 'Delete',
    volume: 'Make a volume',
    'delete-volume': 'Delete',
    'restore-storage': 'Restore the disks',
  },
  labels: {
    parents: 'Interfaces',
    parent: 'Interface',
    bond_mode: 'Mode',
    bond_miimon: 'Check of its links',
    bond_lacp_rate: 'LACP frames',
    bond_xmit_hash_policy: 'Choice of an interface for a frame',
    bridge_stp: 'Spanning tree',
    bridge_fd: 'Forward delay',
    fstype: 'File system',
    block_devices: 'Disks',
    spare_devices: 'Spare disks',
    add_block_devices: 'Disks to add',
    remove_block_devices: 'Disks to remove',
    storage_layout: 'Layout',
    root_device: 'Disk',
    boot_size: 'Size of /boot',
    root_size: 'Size of the root',
    vg_name: 'Volume group',
    lv_name: 'Volume',
    lv_size: 'Size of the volume',
    id_path: "Kernel's name",
  },
  /** What a list of choices says already needs no hint. */
  hints: {
    parents: '',
    parent: '',
    vlan: '',
    subnet: '',
    fstype: '',
    storage_layout: '',
    bond_mode: '',
    bond_lacp_rate: '',
    bond_xmit_hash_policy: '',
    block_devices: '',
    partitions: '',
    spare_devices: 'They take the place of a failed one.',
    spare_partitions: 'They take the place of a failed one.',
    add_block_devices: '',
    add_partitions: '',
    remove_block_devices: '',
    remove_partitions: '',
    root_device: '',
  },
  /** @param object empty: the machine itself */
  heading: (task: string, object: string, machine: string) =>
    object === '' ? `${task} on ${machine}` : `${task} ${object} on ${machine}`,
  changed: fillTemplate('The layout of {machine} is changed: its next deployment uses it.'),
  /** What the tasks do, by the API's descriptions of them. */
  leads: NO_WORDS,
  locked: lockedText,
  inUse: layoutInUseText,
  disconnected: 'disconnected',
  asCommissioned: 'as commissioned',
  chosen: 'as a person laid it out',
  modes: { auto: 'a free address', static: 'fixed', dhcp: 'by DHCP', link_up: 'no address' },
  inSubnet: fillTemplate('in {cidr}'),
  network: {
    wanted: 'As it will be deployed',
    present: 'As it is',
    gateway: 'default gateway',
    kinds: { physical: 'physical', bond: 'bond', bridge: 'bridge', vlan: 'VLAN' },
    columns: ['Interface', 'Hardware address', 'VLAN', 'Addresses', 'MTU', 'Change'] satisfies SixColumns,
  },
  storage: {
    wanted: 'As they will be deployed',
    columns: ['Part', 'Size', 'Use', 'Change'] satisfies FourColumns,
    boot: 'boot disk',
    partition: 'partition',
    volume: 'volume',
    /** @param spares empty: none */
    raid: (members: string, spares: string) => `RAID 1 of ${members}${spares === '' ? '' : `, spare ${spares}`}`,
    group: fillTemplate('volume group of {members}'),
    free: fillTemplate('{size} free'),
    /** @param use as the API says it */
    use: (use: string) => use.toLowerCase(),
    mountedAt: fillTemplate('at {path}'),
    none: 'No disks are known',
    noneHint: 'A machine reports its disks when it is commissioned.',
  },
};

const PRESEED = {
  purposes: 'Files',
  meanings: NO_WORDS,
  meaning: (purpose: Purpose): string => words.preseed.meanings[purpose] ?? PURPOSES[purpose].meaning,
  label: fillTemplate('The file for {purpose}'),
  from: fillTemplate(
    "Rendered from {templates}. Capitals stand for the machine's key and for the address of its rack.",
  ),
  noSystem: 'No system is chosen yet: this is the file for Debian.',
  broken: 'The template has a mistake',
  onlyAdministrators: 'Only administrators may see the files of an installation.',
  userData: 'User data',
  noUserData: 'None: it is given with a deployment, and deleted when the machine is released.',
  hasUserData: fillTemplate('{size}, given with its deployment. It is not shown, because it may contain secrets.'),
};

const MACHINE_EVENTS = { search: 'Search the log' };

const EVENTS = {
  title: 'Events',
  lead: 'What machines, racks, people and the region did. Times are in UTC where they are typed.',
  levels: {
    important: 'What matters',
    all: 'The full log',
    warning: 'Warnings and errors',
    error: 'Errors',
    audit: 'What people did',
  },
  filters: {
    text: 'Search',
    textHint: 'text, kind such as dhcp.ack',
    level: 'Level',
    kind: 'Kind',
    anyKind: 'any kind',
    machine: 'Machine',
    machineHint: 'machine: name, id or MAC',
    rack: 'Rack',
    anyRack: 'any rack',
    user: 'User',
    userHint: 'user',
    since: 'From (UTC)',
    until: 'To (UTC)',
    more: 'More filters',
    show: 'Show',
    clear: 'Clear',
  },
  empty: {
    title: 'Nothing has happened yet',
    hint: 'As soon as a machine, a rack or a person does something, it is written here.',
  },
  noMatch: 'No event matches.',
  notYet: fillTemplate('None of the newest {events} events that were searched matches.'),
  further: 'Search further back',
  newest: 'Newest',
  older: 'Older',
  export: {
    csv: 'Export as CSV',
    json: 'Export as JSON',
    hint: fillTemplate('At most {max} events, the newest of those that match.'),
  },
  busy: 'Too many searches are running: try again in a moment.',
};

const WORK = {
  bytes: fillTemplate('{done} of {total} ({percent} %)'),
  timedOut: 'timed out',
  failsAfter: fillTemplate('fails after {minutes} min without a report'),
  restarted: (times: number) => `restarted ${times === 1 ? 'once' : counted(times, 'time')}`,
  reported: fillTemplate('reported {ago}'),
  begins: fillTemplate('{state} …'),
};

type FourColumns = readonly [string, string, string, string];
type FiveColumns = readonly [...FourColumns, string];
type SixColumns = readonly [...FiveColumns, string];

const FACTS = {
  machine: 'Machine',
  owner: 'Owner',
  name: 'Name',
  address: 'Address',
  lastSeenWith: 'Last seen with',
  system: 'System',
  logIn: 'Log in',
  nextBoot: 'Next network boot',
  nextBoots: {
    enlist: 'enlists again and powers off',
    commissioning: 'runs the ephemeral environment',
    install: 'installs its system',
    local: 'boots its own disk',
    poweroff: 'powers off (nothing to do)',
  },
  stateChanged: 'State changed',
  zone: 'Zone',
  pool: 'Pool',
  tags: 'Tags',
  kernelParams: 'Kernel parameters',
  note: 'Note',
  hardware: 'Hardware',
  reported: fillTemplate('reported {ago}'),
  architecture: 'Architecture',
  processors: 'Processors',
  memory: 'Memory',
  model: 'Model',
  firmware: 'Firmware',
  uefi: (isSecure: boolean) => (isSecure ? 'UEFI, Secure Boot' : 'UEFI'),
  bios: 'BIOS',
  virtualisation: 'Virtualisation',
  systemId: 'System id',
  serial: 'Serial number',
  uuid: 'UUID',
  board: 'Board',
  enlisted: 'Enlisted',
  /** The columns of each table. */
  disks: ['Disk', 'Size', 'Model', 'Serial number', 'Kind'] satisfies FiveColumns,
  diskKinds: { virtual: 'virtual', rotating: 'rotating', solid: 'solid state' },
  interfaces: ['Interface', 'Hardware address', 'Last seen with', 'Carrier', 'Driver'] satisfies FiveColumns,
  unnamedInterface: fillTemplate('interface {number}'),
  bootInterface: 'boots from the network',
  carrier: 'yes',
  noCarrier: 'no',
  banks: ['Memory', 'Size', 'Kind', 'Model'] satisfies FourColumns,
};

const LOGINS = {
  heading: 'Log in',
  simulated: 'not possible: this machine is simulated',
  onlyWhen: 'only when deployed or in rescue mode',
  /** @param isKnown true if the image's user is known; `owner` is `undefined` if it has none */
  keys: (isKnown: boolean, owner: string | undefined) =>
    `${isKnown ? '' : "as the image's first user, or root; "}with the SSH keys of ${owner ?? 'its owner'}, no password`,
  kinds: { rescue: 'Rescue', debug: 'Debug' },
  hostKey: (key: Html) => html`host key ${key}`,
  notYet: 'not possible yet: the machine has not reported that it is up',
  /** @param username empty: nobody @param left the time left; `undefined`: without an end */
  with: (keys: number, username: string) =>
    `with the ${keys === 1 ? 'key' : counted(keys, 'key')} of ${username === '' ? 'nobody' : username}`,
  left: fillTemplate('{time} left'),
  debugButton: 'Debug login',
  close: 'Close debug login',
  closed: 'Debug login closed.',
  title: fillTemplate('Open a debug login to {machine}'),
  effects: [
    'During commissioning, testing, deployment and erasing, you can log in as root with your SSH keys. After a failure the machine stays on.',
    'The debug login expires, and is logged with your name.',
  ],
  duration: 'Duration',
  durations: { quarter: '15 minutes', hour: '1 hour', fourHours: '4 hours', day: '1 day' },
  open: 'Open debug login',
  opened: "Debug login open: it works from the machine's next step.",
};

const POWER_PART = {
  heading: 'Power',
  states: { on: 'on', off: 'off', unknown: 'unknown', error: 'no answer' },
  tasks: { on: 'powering on', off: 'powering off', 'soft-off': 'shutting down', cycle: 'power cycling' },
  driver: 'Driver',
  byHand: 'by hand',
  pressButton: 'by hand: press its power button',
  switched: 'Switched',
  seen: 'Seen',
  now: 'Now',
  says: 'Driver says',
  proposed: 'Proposed',
  proposedWhy: 'By the machine itself; used once the machine is accepted.',
};

const RESULTS = {
  commissioning: 'Commissioning',
  testing: 'Testing',
  states: {
    pending: 'pending',
    running: 'running',
    passed: 'passed',
    failed: 'failed',
    'timed-out': 'timed out',
    skipped: 'skipped',
    aborted: 'aborted',
  },
  builtin: 'built in',
  exit: fillTemplate('exit {status}'),
  count: fillTemplate('{count} {state}'),
  none: 'No results yet',
  noneHint: 'Commissioning and testing run scripts; their results and their output appear here as they come.',
  cut: 'Only the end of the output is kept.',
  output: fillTemplate('Output of {script}'),
};

const TIMELINE = {
  boot: fillTemplate('Boot, {ago}'),
  log: fillTemplate('Log, {ago}'),
  cut: fillTemplate('The newest {max} events; the API lists all.'),
};

const MACHINES = {
  title: (machines: number) => counted(machines, 'machine'),
  heading: 'Machines',
  columns: {
    first: 'Machine',
    state: 'State',
    owner: 'Owner',
    network: 'Network',
    power: 'Power',
    hardware: 'Hardware',
    zone: 'Zone',
    pool: 'Pool',
    event: 'Last event',
  },
  /** By the hardware, in its column's heading. */
  hardwareSorts: { cores: 'CPUs', memory: 'Memory', storage: 'Disks' },
  sortBy: fillTemplate('Sort by {order}'),
  kinds: {
    heading: 'Kinds',
    machines: fillTemplate('Machines ({count})'),
    devices: fillTemplate('Devices ({count})'),
  },
  locked: 'locked',
  /** `space` stands between the count of processors and the unit. */
  cpus: fillTemplate('{count}{space}×{space}CPU'),
  removedRack: 'a rack that was removed',
  strangers: 'Seen, not enlisted',
  filters: {
    fold: 'Filters',
    search: 'Search',
    placeholder: 'name, address, tag, serial number',
    all: 'Clear the filters',
    state: 'State',
    anyState: 'any state',
    problem: 'with a problem',
    work: 'at work',
    mine: 'mine',
    facets: { rack: 'Rack', zone: 'Zone', pool: 'Pool', tags: 'Tag', owner: 'Owner', arch: 'Architecture' },
    any: {
      rack: 'any rack',
      zone: 'any zone',
      pool: 'any pool',
      tags: 'any tag',
      owner: 'any owner',
      arch: 'any architecture',
    },
    ofCount: fillTemplate('{name} ({count})'),
    order: 'Order',
    sorts: {
      urgency: 'most urgent first',
      name: 'by name',
      state: 'by state',
      address: 'by address',
      owner: 'by owner',
      power: 'by power',
      cores: 'by processors',
      memory: 'by memory',
      storage: 'by disk space',
      age: 'by age',
    },
    descending: fillTemplate('{sort}, descending'),
  },
  columnsForm: { choose: 'Columns', show: 'Show these' },
  pager: {
    range: (from: number, to: number, count: number) => (count === 0 ? '' : `${from}–${to} of ${count}`),
    pages: 'Pages of the list',
    first: 'First',
    previous: 'Previous',
    next: 'Next',
    last: 'Last',
    sizes: 'A page has',
  },
  noneFits: {
    title: 'Nothing matches',
    hint: composeNoneFitsText,
  },
  devices: {
    columns: {
      addresses: 'Addresses',
      macs: 'Hardware addresses',
      owner: 'Owner',
      parent: 'Part of',
      zone: 'Zone',
      note: 'Note',
    },
    title: (devices: number) => counted(devices, 'device'),
    first: 'Device',
    reserved: 'reserved',
    leased: 'leased',
    empty: {
      title: 'No devices',
      hint: 'A device is a host that Rackboot names and addresses, but does not deploy: a switch, a printer, a power controller.',
    },
  },
  acceptAll: (machines: number) => `Accept ${counted(machines, 'new machine')}`,
  accepted: 'New machines accepted.',
  empty: { title: 'No machines yet', hint: 'Boot one from the network: it appears here, usually within a minute.' },
};

const MANY = {
  tick: fillTemplate('Select {machine}'),
  tickAll: 'Select all on this page',
  which: {
    label: 'Which machines',
    ticked: 'selected ones',
    page: fillTemplate('all {count} on this page'),
    all: fillTemplate('all {count} that match'),
  },
  fold: 'Actions',
  action: 'Action',
  chooseAction: 'Action …',
  proceed: 'Continue',
  locks: { lock: 'Lock', unlock: 'Unlock' },
  lockEffects: {
    lock: 'Until it is unlocked, it refuses all commands that would change its state.',
    unlock: 'It takes commands again.',
  },
  places: {
    zone: { label: 'Set zone', effect: 'It is in this zone afterwards. Nothing else about it changes.' },
    pool: { label: 'Set pool', effect: 'It is in this pool afterwards. Nothing else about it changes.' },
    domain: { label: 'Set domain', effect: 'Its name in DNS is then below this domain.' },
  },
  nothingTicked: 'No machine is selected: select some in the list, or choose all that match.',
  noAction: 'No action is chosen, or you may not do it.',
  /** Why a machine is left out; each continues "3 machines: …". */
  leftOut: {
    notYours: 'not yours, so only an administrator may do this',
    locked: 'locked',
    unlocked: 'not locked',
    powerBusy: 'being switched at this moment',
    gone: 'deleted meanwhile',
    inState: fillTemplate('{state}, where this is not possible'),
  },
  heading: (action: string, count: number) => `${action}: ${counted(count, 'machine')}`,
  headingOfDevices: (action: string, count: number) => `${action}: ${counted(count, 'device')}`,
  each: 'What happens to each of them',
  included: fillTemplate('Included ({count})'),
  /** Before the list of the excluded. */
  some: (able: number, total: number) =>
    `${able} of ${total} take part; ${total - able} are left out, for reasons below.`,
  excluded: fillTemplate('Left out ({count})'),
  reason: (count: number, reason: string) => `${count} ${count === 1 ? 'is' : 'are'} ${reason}`,
  noneLeft: 'None of them can take this action now.',
  submit: fillTemplate('{action} {count}'),
  tooMany: 'You have several actions under way: try again when one of them has ended.',
  run: {
    title: fillTemplate('{action}: progress'),
    under: fillTemplate('{done} of {total}'),
    stays: 'This goes on while the page is closed.',
    ended: fillTemplate('Done for {count}'),
    refused: fillTemplate('Refused for {count}'),
    refusedMore: fillTemplate('And {count} more, which the list of machines shows in their old state.'),
    broken:
      'It ended early, because the region stopped or could not use its database. The list shows which machines were reached.',
    unknown:
      'This process of the region does not know this action: it ended some time ago, belongs to somebody else, or the region was restarted. The list shows the state of each machine.',
    back: 'Back to the list',
  },
};

const ADDING = {
  machine: {
    title: 'Add a machine',
    lead: 'A machine that boots from the network adds itself. Add one here to name it or to set its power driver before its first boot. Then accept it, which commissions it.',
    add: 'Add machine',
  },
  device: {
    title: 'Add a device',
    lead: 'A device is a host that Rackboot names and addresses, but does not deploy: a switch, a printer, a power controller.',
    add: 'Add device',
    titleOf: fillTemplate('Device {device}'),
    changeIt: 'Change it',
    deleteIt: 'Delete this device',
    delete: 'Delete device',
    loss: 'Its name and its addresses are then free for other hosts.',
  },
};

const IDENTITY = {
  link: 'Identity',
  decide: 'Decide',
  title: fillTemplate('Identity of {machine}'),
  lead: (doubts: number) =>
    doubts === 0
      ? 'Nothing suggests that this machine and another are the same.'
      : 'Decide whether these are the same machine: compare the hardware, and merge or keep apart.',
  columns: { machine: 'Machine', macs: 'Hardware addresses', serial: 'Serial number', uuid: 'UUID' },
  mergeHere: 'Keep this one, and merge the other into it',
  keepApart: 'Keep apart: they are two machines',
  forms: {
    merge: {
      heading: 'Merge with another machine',
      text: 'This one stays. It takes the interfaces, the events and the newer hardware facts of the other, which is removed.',
      submit: 'Merge',
    },
    split: {
      heading: 'Split into two machines',
      text: 'The interfaces selected here become those of a new machine.',
      submit: 'Split',
    },
    move: {
      heading: 'Move to another rack',
      text: 'The rack, and every other that serves the network, boots the machine there.',
      submit: 'Move',
    },
  },
  done: {
    merge: fillTemplate('Merged into {machine}.'),
    'keep-apart': fillTemplate('{machine} is kept apart.'),
    split: fillTemplate('{machine} was split: the list shows the new machine.'),
    move: fillTemplate('{machine} has moved.'),
  },
};

const NOTICES = {
  /** Both continue after the machine's name. */
  maybeTwo: fillTemplate('({systemId}) {why}.'),
  maybeOne: fillTemplate('({systemId}) {why}. Merge them, or keep them apart.'),
  fullWhy: fillTemplate(
    'At most {machinesMax} may be New (region.new_machines_max): a further machine replaces one that was never changed or tagged, or is refused. Accept or delete some.',
  ),
};

const OVERVIEW = {
  needs: 'Needs you now',
  calm: 'Nothing needs you now.',
  machines: 'Machines',
  now: 'Happening now',
  further: {
    problem: (count: number) => `${counted(count, 'more machine has', 'more machines have')} a problem`,
    failing: (count: number) => `${counted(count, 'more boot')} failed`,
    finding: (count: number) => counted(count, 'more problem'),
    waiting: (count: number) => `${counted(count, 'more machine waits', 'more machines wait')} for somebody`,
  },
  moreWork: (count: number) => `${counted(count, 'more machine is', 'more machines are')} at work`,
  list: 'Show them',
  open: 'Open',
  setPower: 'Set its power driver',
  fresh: (machines: number) => counted(machines, 'new machine'),
  freshWhat: 'Reported for the first time; accept those that you want to use.',
  imageFailed: 'Import failed.',
  notImported: (count: number) =>
    `${counted(count, 'source or selection was', 'sources or selections were')} not imported`,
  sourcesFailed: 'Images',
  /** @param type the kind of the range, lower case @param network `10.20.0.0/24` */
  full: fillTemplate('Its {type} range is nearly full: {taken} of {total} addresses are taken.'),
  enlarge: 'Change the range',
  first: {
    title: 'No machines yet',
    lead: 'A machine appears here when it boots from the network, usually within a minute.',
    trouble:
      'If it does not, `sudo rackboot doctor` on the host of the rack says why, and `docs/troubleshooting.md` what helps.',
    steps: {
      networks: (networks: readonly string[]) =>
        networks.length === 0
          ? 'Serve DHCP on the network of the machines.'
          : `DHCP is served on ${networks.join(', ')}.`,
      boot: 'Put the network first in the boot order of a machine, connect it to that network, and switch it on.',
      accept: 'Accept it here, and it is commissioned: Rackboot takes stock of its hardware and tests it.',
      image: 'Choose an image, and deploy it.',
    },
    proxy: fillTemplate('{cidr} (boot only: another server gives the addresses)'),
    toNetworks: 'Networks',
    toImages: 'Images',
  },
};

const RACKS_PART = {
  heading: 'Racks',
  empty: {
    title: 'No racks yet',
    hint: 'A rack that is told the address of this region registers here, and waits to be accepted.',
  },
  columns: { rack: 'Rack', networks: 'Networks', events: 'Events', version: 'Version', seen: 'Last seen' },
  states: {
    pending: 'Pending',
    accepted: 'Accepted',
    rejected: 'Rejected',
    embedded: 'In this process',
    away: 'Silent',
  },
  now: 'now',
  waiting: 'waiting',
  lost: 'lost',
  refused: 'refused',
  foreignServer: fillTemplate('{address} on {network}'),
  foreignServers: (servers: readonly string[]) =>
    `another DHCP server answers: ${servers.join(', ')}; machines may take its offers and fail to boot from here: switch it off, or use the mode proxy`,
  registered: fillTemplate('It registered from {address} and waits to be accepted.'),
  settingsRefused: fillTemplate('it refuses its settings from this region: {why}'),
  noNetwork: 'it serves no network: add cluster_interfaces to its configuration file',
  away: 'It keeps serving the machines it knows; its events arrive when it is back.',
  join: {
    heading: 'Add a rack',
    lead: (url: string) =>
      html`On its host, <code>sudo rackboot init --region ${url}</code> joins it to this region. It makes a key of its own and then waits here to be accepted.
      With the API key of an administrator (<a href="/MAAS/account/">make one</a>, it is shown once) it is accepted at once.`,
  },
};

const RACK = {
  title: fillTemplate('Rack {rack}'),
  edit: fillTemplate('Edit rack {rack}'),
  from: fillTemplate('from {address}'),
  facts: {
    heading: 'Rack',
    runs: 'Running since',
    heard: 'Last heard',
    version: 'Version',
    registered: 'Registered',
    key: 'Link key',
    events: 'Events',
    uuid: 'UUID',
  },
  keys: {
    embedded: 'None: it runs in the process of the region.',
    own: html`Its own. To change it, remove the file of <code>region.api_key_file</code> on its host and restart it; it then waits to be accepted again.`,
    of: (username: string) =>
      html`The API key of ${username}. To change it, put another one into <code>region.api_key_file</code> on its host and restart it.`,
  },
  listeners: { heading: 'Serves at', dhcp: 'DHCP', tftp: 'TFTP', http: 'HTTP', dns: 'DNS' },
  networks: 'Networks',
  noNetworks:
    'It serves no network: add cluster_interfaces to its configuration file, or a network on the page of networks.',
  disputed: 'Not believed here: it overlaps the network of another rack, or is too wide.',
  columns: {
    name: 'Name',
    network: 'Network',
    service: 'Service',
    address: 'Address',
    router: 'Router',
    dynamic: 'Dynamic range',
    static: 'Static range',
  },
  silent: {
    title: 'The region does not hear this rack.',
    todo: html`It keeps serving the machines it knows, and its events arrive when it is back. On its host, <code>sudo rackboot status</code> says whether it runs and reaches the region, <code>sudo journalctl -u rackboot -n 50</code> why not.`,
  },
  allEvents: 'All events of this rack',
  share: {
    label: 'Networks that are in doubt',
    hint: 'Other racks serve them, too, or they are wider than /16. Tick those about which the region should believe this rack.',
  },
  verbs: {
    accept: {
      label: 'Accept',
      heading: fillTemplate('Accept rack {rack}'),
      effects: (address: string) => [
        'It gets the settings and machines of its networks, with their secrets, and the region believes what it reports about them.',
        `It registered from ${address}. Accept it only if you know this host.`,
      ],
      done: fillTemplate('Rack {rack} is accepted.'),
    },
    reject: {
      label: 'Reject',
      heading: fillTemplate('Reject rack {rack}'),
      effects: () => ['It gets nothing, and stays rejected until it is deleted.'],
      done: fillTemplate('Rack {rack} is rejected.'),
    },
    delete: {
      label: 'Delete',
      heading: fillTemplate('Delete rack {rack}'),
      effects: () => [
        'The region forgets it and believes it no more. Machines of its networks stay.',
        'If it still runs, it registers again and waits to be accepted.',
      ],
      done: fillTemplate('Rack {rack} is deleted.'),
    },
  },
};

const CHARTS = {
  heading: 'The last day',
  none: 'Nothing measured yet. A rack measures every minute; the day begins anew when the region restarts.',
  dayAgo: '24 h ago',
  now: 'now',
  summary: fillTemplate('now {last}, at most {largest}'),
  label: fillTemplate('{name} in the last day: {summary}'),
  labels: {
    fill: 'Addresses of dynamic ranges in use',
    leases: 'Leases granted',
    tftp: 'Sent by TFTP',
    http: 'Sent by HTTP',
    dns: 'DNS queries',
  },
  perMinute: fillTemplate('{count}/min'),
  perSecond: fillTemplate('{size}/s'),
  addresses: fillTemplate('{taken} of {usable}'),
};

const HEALTH = {
  title: 'Health',
  well: { title: 'Nothing is wrong', hint: 'Racks, database, certificates, clocks and disks have no known problem.' },
  bad: (findings: number) => counted(findings, 'problem'),
  notes: 'Notes',
  remedy: 'Remedy:',
  more: html`<code>sudo rackboot doctor --fix-hint</code> on a rack's host asks it as a machine would, and examines the host, too.`,
  facts: {
    heading: 'What runs',
    name: 'Name',
    version: 'Version',
    since: 'Running since',
    memory: 'Memory',
    disk: 'Disk free',
    clock: 'Clock',
    waiting: 'Events waiting',
  },
  threads: {
    title: 'Threads',
    name: 'Rack',
    busy: 'Busy in the last minute',
    delay: 'Longest delay',
    share: fillTemplate('{thread} {percent} %'),
  },
  database: { name: 'Database', answers: fillTemplate('answers in {ms}') },
  certificate: { name: 'Certificate', until: fillTemplate('valid until {date}') },
  disk: fillTemplate('{free} of {total}'),
  clock: { right: 'right', off: fillTemplate('{span} off') },
  checks: {
    database: 'database',
    certificate: 'certificate',
    silence: 'silent',
    pending: 'registration',
    networks: 'networks',
    upstream: 'upstream DNS',
    settings: 'settings',
    clock: 'clock',
    events: 'events',
    version: 'version',
    disk: 'disk',
  },
  /** Followed by the time. */
  silent: 'It has been silent: the region heard it last',
  /** Followed by the time. @param domain empty: it is asked for all names of others */
  upstream: (server: string, domain: string) =>
    domain === ''
      ? `${server} does not answer; it failed first`
      : `${server} does not answer for ${domain}; it failed first`,
  goTo: fillTemplate('Go to {page}'),
  silentFix: 'sudo rackboot status',
  lowDiskFix: 'sudo du -xsh /var/lib/rackboot/* | sort -h',
  clockOff: fillTemplate('Its clock and that of the region differ by {span}.'),
  clockFix: 'timedatectl',
  letters: (count: number) => `${counted(count, 'event')} of it was refused by the region for good.`,
  lettersFix: 'sudo rackboot outbox',
  otherVersion: fillTemplate('It runs {rack}, the region {region}.'),
  lowDisk: fillTemplate('Only {free} of the disk of its state directory are free.'),
};

const ACCOUNT = {
  keys: 'SSH keys',
  added: fillTemplate('{kind} · added {ago}'),
  noKey: 'You have no key yet. Deployments are refused, because nobody could log in to the machine.',
  key: { label: 'Public key', hint: 'The line in a .pub file, such as ~/.ssh/id_ed25519.pub.' },
  addKey: 'Add key',
  keyAdded: 'Key added: machines that you deploy from now on accept it.',
  keyRemoved: 'Key removed.',
  apiKeys: 'API keys',
  apiKeyTimes: (made: Html, used: Html | undefined) =>
    html`made ${made} · ${used === undefined ? 'not used yet' : html`used ${used}`}`,
  noApiKey: 'You have no API key. Programs and the command line work with one.',
  apiKeyName: { label: 'Purpose', hint: 'Such as juju, or the name of your computer.' },
  makeApiKey: 'Make an API key',
  apiKeyMade: 'Copy this key now: it is shown only once.',
  apiKeyRemoved: 'API key removed: requests with it are refused from now on.',
  password: 'Password',
  presentPassword: 'Present password',
  wrongPassword: 'The password is wrong.',
  differing: 'The passwords differ.',
  newPassword: 'New password',
  changePassword: 'Change password',
  passwordChanged: 'Password changed: sign in with the new one.',
  footer: (username: string) =>
    html`For programs and the command line, <code>sudo rackboot apikey --username ${username}</code> on the rack prints an API key.`,
};

const DNS = {
  domains: {
    title: 'DNS',
    lead: 'Racks answer for these domains: for machines, devices, reservations and leases, and for the records that you add.',
    empty: '',
    addOne: 'Add a domain',
    add: 'Add domain',
    titleOf: (domain: string) => domain,
    changeIt: 'Rename this domain',
    deleteIt: 'Delete this domain',
    delete: 'Delete domain',
    isDefault: 'New machines get names in the default domain. Make another domain the default first.',
    loss: (names: number) =>
      names === 0
        ? 'It has no names. Racks no longer answer for it.'
        : `It has ${counted(names, 'name')} of machines, devices, records and reserved addresses: move or delete these first.`,
  },
  names: 'Names by where they come from',
  tabs: { records: 'Records', machines: 'Machines and devices', leases: 'Leases' },
  none: {
    records: 'No records yet. A record gives a host outside of Rackboot a name, or a name a second one.',
    machines: 'No machine or device of this page has an address in this domain.',
    leases: 'No host with a lease tells a name of its own.',
  },
  columns: { type: 'Type', data: 'Data', ttl: 'TTL', origin: 'From', records: 'Records', use: 'Use', state: 'State' },
  origins: {
    record: 'added here',
    file: 'configuration file',
    reserved: 'reserved address',
    host: 'DHCP reservation',
    machine: 'machine',
    device: 'device',
    lease: 'lease',
  },
  first: 'First page',
  wholeName: 'The whole name of a machine',
  isDefault: 'default',
  makeDefault: 'Make it the default domain',
  madeDefault: fillTemplate('New machines get names in {domain}.'),
  addOne: 'Add a record',
  addTo: fillTemplate('Add a record to {domain}'),
  add: 'Add record',
  titleOf: fillTemplate('Record of {name}'),
  deleteIt: 'Delete this record',
  delete: 'Delete record',
  loss: (record: string) => `\`${record}\` is no longer served.`,
  upstreams: {
    title: 'Upstream servers',
    server: 'Server',
    asked: 'Asked for',
    others: 'all other names',
    answers: 'no failure reported',
    fails: 'does not answer',
    since: fillTemplate('{rack}, since {ago}'),
    empty: 'None: names outside of the domains above are refused. Set upstream servers in the settings.',
    settings: 'Settings of upstream servers, forwarded domains and DNSSEC',
  },
};

/** A list that is too long for one page. */
const LISTING = {
  search: 'Search by name',
  find: 'Search',
  found: (matching: number, all: number) => (matching === all ? String(all) : `${matching} of ${all}`),
  pages: 'Pages of the list',
  page: fillTemplate('Page {page} of {pages}'),
  previous: 'Previous',
  next: 'Next',
};

/** Notices about objects of every kind. */
const OBJECTS = {
  added: fillTemplate('{name} added.'),
  saved: fillTemplate('{name} saved.'),
  deleted: fillTemplate('{name} deleted.'),
};

const AREAS = {
  machines: 'Show them',
  zone: {
    title: 'Zones',
    lead: 'A zone is a place: machines, devices and racks that share a room, a circuit or a switch.',
    empty: '',
    addOne: 'Add a zone',
    add: 'Add zone',
    titleOf: fillTemplate('Zone {zone}'),
    deleteIt: 'Delete this zone',
    delete: 'Delete zone',
    isDefault: 'The default zone has what nobody assigned to another. It cannot be renamed or deleted.',
    loss: (machines: number) =>
      machines === 0
        ? 'No machine or device is in it. Its racks move to the default zone.'
        : `${counted(machines, 'machine or device moves', 'machines and devices move')} to the default zone, and its racks with them.`,
  },
  pool: {
    title: 'Pools',
    lead: 'A pool sets machines aside for some people or some work: an allocation can ask for a machine of a pool.',
    empty: '',
    addOne: 'Add a pool',
    add: 'Add pool',
    titleOf: fillTemplate('Pool {pool}'),
    deleteIt: 'Delete this pool',
    delete: 'Delete pool',
    isDefault: 'The default pool has what nobody assigned to another. It cannot be renamed or deleted.',
    loss: (machines: number) =>
      machines === 0
        ? 'No machine or device is in it.'
        : `${counted(machines, 'machine or device is', 'machines and devices are')} in it. Move them to another pool first.`,
  },
};

const PEOPLE = {
  title: 'People',
  you: 'this is you',
  makeUser: 'Make a user',
  makeAdmin: 'Make an administrator',
  keys: (keys: number) => counted(keys, 'SSH key'),
  added: fillTemplate('added {ago}'),
  password: 'Password',
  addOne: 'Add an account',
  add: 'Add account',
  accountAdded: fillTemplate('Account {username} added.'),
  removed: fillTemplate('Account {username} removed.'),
  changed: (username: string, isAdmin: boolean) => `${username} is now ${isAdmin ? 'an administrator' : 'a user'}.`,
};

/** The other sentences of events and remarks are those of the records. */
const HAPPENINGS: HappeningWords = {
  // MAAS's words for it, which clients know, have another voice.
  'status-changed': ({ from, to }) => `changed from ${statusRow(from).name} to ${statusRow(to).name}`,
};
const DOUBTS: DoubtWords = {};

const ENGLISH = {
  happenings: HAPPENINGS,
  doubts: DOUBTS,
  frame: FRAME,
  away: AWAY,
  signIn: SIGN_IN,
  forms: FORMS,
  fields: FIELDS,
  values: VALUES,
  machines: MACHINES,
  many: MANY,
  adding: ADDING,
  identity: IDENTITY,
  notices: NOTICES,
  overview: OVERVIEW,
  racks: RACKS_PART,
  rack: RACK,
  charts: CHARTS,
  machine: MACHINE,
  sections: SECTIONS,
  waterfall: WATERFALL,
  boots: BOOTS,
  layout: LAYOUT,
  preseed: PRESEED,
  machineEvents: MACHINE_EVENTS,
  events: EVENTS,
  work: WORK,
  facts: FACTS,
  logins: LOGINS,
  powerPart: POWER_PART,
  results: RESULTS,
  timeline: TIMELINE,
  actions: ACTIONS,
  effects: EFFECTS,
  actionForms: ACTION_FORMS,
  deploy: DEPLOY,
  edit: EDIT,
  power: POWER,
  networks: NETWORKS,
  networkObjects: NETWORK_OBJECTS,
  interfaces: INTERFACES,
  options: OPTIONS,
  neighbours: NEIGHBOURS,
  addressMap: ADDRESS_MAP,
  images: IMAGES,
  choose: CHOOSE,
  upload: UPLOAD,
  sources: SOURCES,
  tags: TAGS,
  profiles: PROFILES,
  scripts: SCRIPTS,
  settings: SETTINGS_PAGE,
  health: HEALTH,
  firstRun: FIRST_RUN,
  account: ACCOUNT,
  people: PEOPLE,
  dns: DNS,
  listing: LISTING,
  objects: OBJECTS,
  areas: AREAS,
};

export type Words = typeof ENGLISH;

/** Some of the words. Functions take the same values; markup stays markup. */
type Translated<T> = T extends string
  ? string
  : T extends (...values: infer Values) => infer Result
    ? (...values: Values) => Result extends string ? string : Result
    : T extends Html | readonly unknown[]
      ? T
      : { readonly [Name in keyof T]?: Translated<T[Name]> };

export type Translation = Translated<Words>;

const isSection = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/**
 * All words of a language, with the English ones for those that it lacks.
 * @param texts those of a file (`template.ts`), which `translation` goes before
 */
export const completed = (translation: Translation, texts: object = {}): Words =>
  withTexts(withTexts(ENGLISH, texts), translation);

function withTexts(english: Words, translation: object): Words;
function withTexts(english: object, translation: object): object;
function withTexts(english: object, translation: object): object {
  // A translation may label parameters whose English labels are their names.
  const entries = Object.entries({ ...translation, ...english }).map(([name, word]) => {
    const own: unknown = Reflect.get(translation, name);
    if (own === undefined) return [name, word];
    return [name, isSection(word) && isSection(own) ? withTexts(word, own) : translated(own, word)];
  });
  return Object.fromEntries(entries);
}

const spoken = new AsyncLocalStorage<Words>();

/** Runs the work of one request, in whose functions `words` are these. */
export const withWords = <T>(own: Words, work: () => T): T => spoken.run(own, work);

/** The page's words, in the language of the request at hand. */
export const words: Words = new Proxy(ENGLISH, {
  get: (english, section) => Reflect.get(spoken.getStore() ?? english, section),
});
