// `rackboot import-maas URL [APIKEY]`: reads what a running MAAS knows by its API 2.0, and adds it
// to the region of this host by the region's own operations, so that all its checks apply.
//
//   MAAS ─ lists (GET) ─► tables (`maas-objects.ts`) ─► operations of this host's region ─► report
//
// Source: MAAS's API 2.0; OAuth 1.0 with PLAINTEXT (RFC 5849 §3.4.4).
//
// 1. Nothing is changed at the MAAS. An object that exists here already is not changed, but only
//    counted. So an import may be repeated.
// 2. A parameter that the region refuses is left out, and named in the report. If the region
//    refuses a parameter that the object needs, the object is refused.
// 3. A machine that may have a system on its disk, whatever its state there, is added as Deployed
//    by one operation, so that at no moment a start from the network would touch the disk or switch
//    the machine off. No operation here switches a machine.
// 4. The source is untrusted: answers, lists and the report are bounded, its texts are cleaned
//    where they are printed, and it names no path.
// 5. Neither the key nor a parameter of a power driver is printed, except the hosts that switch a machine.
// 6. The source gives nobody rights over what was here before: it adds no administrator, no SSH key
//    to an existing account, and no tag or kernel parameter to existing machines. The report names
//    every added object that gives rights (users, keys, domains, hosts that switch machines) or
//    that answers for names and addresses (names in DNS, nodes).
// 7. Nothing is added that would answer or route in a domain, in a network or for a host that was
//    here before (`#findFormer`). Such an object is left out, and the report names it. A name
//    belongs to the most specific domain that holds it, which must be a domain of this import.
// 8. Nodes are excepted, because an import is made for them. A node may have a name in a former
//    domain and an address in a former network, but no name or address that may be in use.
// 9. Only texts are judged. An object with a key that is not a text is refused.

import { join } from 'node:path';
import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { listConfiguredHostNames } from '../../config/record-faults.ts';
import { formatRefusalLines } from '../../control/field-refusal.ts';
import {
  formatMac,
  formatNetwork,
  type Ipv4Network,
  type Ipv4Range,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseMac,
  parseNetwork,
  rangeContains,
} from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { type Fields, isFields } from '../../ground/fields.ts';
import { CONTROL_SOCKET } from '../../http/config.ts';
import { computeFingerprint } from '../../region/accounts/ssh-keys.ts';
import { askRegion as askHere, encodeForm } from '../terminal/asking.ts';
import { type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { checkGivenFile } from '../terminal/given-file.ts';
import { print, printAside, printJson, printTable } from '../terminal/output.ts';
import { parseRegionAddress, readApiKey } from './login.ts';
import {
  ABSENT,
  type Absent,
  ADDRESS_KINDS,
  CREATE_OPERATIONS,
  commandFor,
  deviceParameters,
  formatObjectTitle,
  interfaceParameters,
  isDeployedHere,
  KINDS,
  type Kind,
  listAt,
  listMacs,
  listUnusableKeys,
  machineParameters,
  objectIdentity,
  ownerData,
  type Parameters,
  parametersFrom,
  pathFor,
  powerHosts,
  type Reach,
  stateHere,
  textAt,
  unknownPowerNames,
  valueAt,
} from './maas-objects.ts';
import {
  parseAnswerJson,
  profileClient,
  type RegionAnswer,
  type RegionClient,
  socketClient,
  toUnavailableError,
} from './region-request.ts';

/**
 * The longest time for one whole answer, in milliseconds. A MAAS that takes longer ends the import,
 * even while it still sends.
 */
const ANSWER_MS_MAX = 600_000;
/** Ample for OBJECTS_MAX objects, and for BATCH_MACHINES machines. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** The most objects of one kind. A MAAS with more is refused. */
const OBJECTS_MAX = 100_000;
/** How many machines are read at a time, because a MAAS takes long for all of them. */
const BATCH_MACHINES = 50;
/** The most remarks that are kept. Further ones are only counted. */
const REMARKS_MAX = 10_000;
const REMARK_CHARACTERS_MAX = 1000;
const NAMES_SHOWN_MAX = 20;
/** The longest name in DNS (RFC 1035 §2.3.4). */
const NAME_CHARACTERS_MAX = 255;
const KEY_CHARACTERS_MAX = 300;
const PASSWORD_BYTES = 24;
const INTERFACES_MAX = 256;
const SSH_KEYS = 'account/prefs/sshkeys/';
const VLAN_KEY = ['fabric', 'vid'];
/** The beginning of the parameters of a power driver. */
const POWER_PREFIX = 'power_';
const NODE_NEEDS = ['hostname', 'domain', 'mac_addresses', 'architecture'];
const FORM_TYPE = 'application/x-www-form-urlencoded';
const API = '/MAAS/api/2.0/';
/** The statuses with which the region refuses the content of a request. */
const JUDGING_STATUSES: ReadonlySet<number> = new Set([400, 403, 404, 409]);

interface ImportFlags {
  readonly config: string;
  readonly url: string;
  /** The API key, as for `login`. */
  readonly apikey?: string | undefined;
  readonly cacerts?: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

interface Tally {
  added: number;
  there: number;
  refused: number;
}

interface Remark {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

/** Something that was added, or would be. */
interface ReportedObject {
  readonly kind: string;
  readonly name: string;
  /** Names and addresses that answer through it. */
  readonly places?: readonly string[];
  /** The hosts that switch a machine. */
  readonly power?: readonly string[];
}

const problemsShape = z.record(z.string(), z.array(z.string()));

/** @returns 1 if something was refused, left out, or has no counterpart */
export async function importMaas(flags: ImportFlags): Promise<number> {
  const { url } = parseRegionAddress(flags.url);
  if (flags.cacerts !== undefined) checkGivenFile(flags.cacerts);
  const key = await readApiKey(flags.apikey);
  // If no daemon runs, fail here with the command that starts it.
  await askHere(flags, `${API}version/`);
  const ca = flags.cacerts === undefined ? {} : { ca_file: flags.cacerts };
  const askOwnRegion = socketClient(join(loadStateDir(flags.config).stateDir, CONTROL_SOCKET));
  const run = new Import(
    new SourceMaas(url, profileClient({ url, key, ...ca })),
    askOwnRegion,
    flags.dryRun,
    listOwnHosts(await findConfig(flags.config)),
  );
  try {
    await run.importAll();
  } catch (error) {
    run.report(flags.json, false);
    throw error;
  }
  return run.report(flags.json, true);
}

/** The names and the hardware addresses of the rack itself and of its reservations in the configuration. */
interface OwnHosts {
  /** The domains that the configuration forwards. */
  readonly forwarded: readonly string[];
  readonly names: ReadonlySet<string>;
  readonly macs: ReadonlySet<string>;
}

function listOwnHosts({ config }: FoundConfig): OwnHosts {
  const { selfName, domains, forwardZones = [] } = config.dns;
  const names = [
    ...domains.map((domain) => `${selfName}.${domain}`),
    ...listConfiguredHostNames(config).map(({ fqdn }) => fqdn),
  ];
  const reservations = config.dhcp.subnets.flatMap((subnet) => subnet.reservations);
  return {
    forwarded: forwardZones.map(({ domain }) => domain).filter((domain) => domain !== ''),
    names: new Set(names.map((name) => name.toLowerCase())),
    macs: new Set(reservations.flatMap(({ mac }) => (mac === undefined ? [] : [formatMac(mac)]))),
  };
}

const isWithin = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);
const domainName = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');
const macText = (text: string): string => {
  const mac = parseMac(text);
  return mac === undefined ? text : formatMac(mac);
};

/** A subnet that was here before, and its ranges that were free. */
interface FormerNetwork {
  readonly network: Ipv4Network;
  readonly free: readonly Ipv4Range[];
}

/** True for a subnet that this region knows only because a rack's host is in it. */
const isDiscovered = (object: unknown): boolean => isFields(object) && object.is_discovered === true;

/** The MAAS that is imported, from which everything is read by GET. */
class SourceMaas {
  readonly url: string;
  readonly #ask: RegionClient;

  constructor(url: string, ask: RegionClient) {
    this.url = url;
    this.#ask = ask;
  }

  /**
   * @returns undefined if this MAAS has no such resource @throws RackError `permission-denied`,
   * `source-failed`, `not-running`
   */
  async read(resource: string, ids: readonly string[] = []): Promise<unknown> {
    const [path = '', ownQuery] = resource.split('?');
    const query = new URLSearchParams(ownQuery);
    for (const id of ids) query.append('id', id);
    const controller = new AbortController();
    const timer = systemClock.schedule(ANSWER_MS_MAX, () => controller.abort());
    const request = {
      method: 'GET',
      path: `${API}${path}`,
      query,
      signal: controller.signal,
      answerBytesMax: ANSWER_BYTES_MAX,
    } as const;
    const answer = await this.#ask(request).finally(() => timer.cancel());
    const { status } = answer;
    if (status === 404 || status === 410) return undefined;
    if (status === 401 || status === 403)
      throw new RackError(
        'permission-denied',
        `${this.url} refuses ${path} to this key (${answerText(answer)}): give the key of an administrator`,
      );
    const value = status === 200 ? parseAnswerJson(answer) : undefined;
    if (value !== undefined) return value;
    const notMaas = new RackError(
      'source-failed',
      `${this.url} answers ${status} to ${path}: it is no MAAS with API 2.0`,
    );
    throw toUnavailableError(this.url, answer) ?? notMaas;
  }

  async list(resource: string, ids: readonly string[] = []): Promise<readonly Fields[]> {
    const objects = await this.read(resource, ids);
    if (objects === undefined) return [];
    if (Array.isArray(objects) && this.checkCount(resource, objects).every(isFields)) return objects;
    throw new RackError('source-failed', `${this.url} answers no list of objects to ${resource}`);
  }

  checkCount<T>(resource: string, objects: readonly T[]): readonly T[] {
    if (objects.length <= OBJECTS_MAX) return objects;
    throw new RackError(
      'limit-reached',
      `${this.url} has more than ${OBJECTS_MAX} objects at ${resource}, the maximum`,
    );
  }
}

/** The comment that says why a node is in its state. */
const nodeComment = (node: unknown): string => textAt(node, 'error_description') || textAt(node, 'status_message');
const answerText = ({ body }: RegionAnswer): string => formatRefusalLines(body.toString('utf8')).replaceAll('\n', '; ');
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const objectsIn = (objects: readonly unknown[], { listProperty }: Kind): readonly unknown[] =>
  listProperty === undefined ? objects : objects.flatMap((object) => listAt(object, listProperty));

/** One import, and what became of each object. */
class Import {
  readonly #source: SourceMaas;
  readonly #askOwnRegion: RegionClient;
  readonly #isDry: boolean;
  readonly #tallies = new Map<string, Tally>();
  readonly #remarks: Remark[] = [];
  #remarkCount = 0;
  /** The node that is being added; empty if there is none. */
  #currentNode = '';
  /** What this run added or would add, by its kind and identity. */
  readonly #added = new Set<string>();
  /** The added objects that the report names, as many as the lists have. */
  readonly #reportedObjects: ReportedObject[] = [];
  /** True if no machine was here before. */
  #hadNoMachines = false;
  /** The system ids of added nodes, by the tags that they have at the source. */
  readonly #nodesByTag = new Map<string, string[]>();
  /** The names of the tags here. */
  #tags: readonly string[] = [];
  /** The ids of the VLANs here, by fabric and tag. */
  #vlans: ReadonlyMap<string, string> = new Map();

  readonly #ownHosts: OwnHosts;
  /** The domains here, and whether each was here before the import. */
  readonly #domains = new Map<string, boolean>();
  #defaultDomain = '';
  /** The names of hosts, records and domains that were here before. */
  #formerNames: ReadonlySet<string> = new Set();
  #formerNetworks: readonly FormerNetwork[] = [];
  /** The hardware addresses of the nodes that this run added or would add. */
  readonly #addedMacs = new Set<string>();

  constructor(source: SourceMaas, askOwnRegion: RegionClient, isDry: boolean, hosts: OwnHosts) {
    this.#source = source;
    this.#askOwnRegion = askOwnRegion;
    this.#isDry = isDry;
    this.#ownHosts = hosts;
  }

  async importAll(): Promise<void> {
    const owner = textAt(await this.#source.read('users/?op=whoami'), 'username');
    if (owner === '') throw new RackError('source-failed', `${this.#source.url} is no MAAS with API 2.0`);
    const former = parseAnswerJson(
      await this.#askOwnRegion({ method: 'GET', path: `${API}machines/?op=power_parameters` }),
    );
    this.#hadNoMachines = isFields(former) && Object.keys(former).length === 0;
    await this.#readFormerObjects();
    for (const kind of KINDS) await this.#add(kind, owner);
    this.#tags = (await this.#listHere('tags/')).map((tag) => textAt(tag, 'name'));
    const vlans = (await this.#listHere('fabrics/')).flatMap((fabric) => listAt(fabric, 'vlans'));
    this.#vlans = new Map(vlans.map((vlan) => [objectIdentity(vlan, VLAN_KEY), textAt(vlan, 'id')]));
    await this.#addMachines();
    for (const device of await this.#source.list('devices/'))
      await this.#addNode('devices', device, deviceParameters(device));
    await this.#tag();
    for (const kind of ADDRESS_KINDS) await this.#add(kind, owner);
    for (const absent of ABSENT) await this.#reportAbsent(absent);
  }

  /** Reads what is here before anything is added. */
  async #readFormerObjects(): Promise<void> {
    const domains = await this.#listHere('domains/');
    for (const name of [...domains.map((domain) => textAt(domain, 'name')), ...this.#ownHosts.forwarded])
      this.#domains.set(domainName(name), true);
    this.#defaultDomain = textAt(
      domains.find((domain) => valueAt(domain, 'is_default') === true),
      'name',
    );
    const records = [...(await this.#listHere('dnsresources/')), ...(await this.#listHere('dnsresourcerecords/'))];
    const names = records.map((record) => domainName(textAt(record, 'fqdn')));
    this.#formerNames = new Set([...this.#ownHosts.names, ...this.#domains.keys(), ...names]);
    const networks: FormerNetwork[] = [];
    for (const subnet of await this.#listHere('subnets/')) {
      const network = parseNetwork(textAt(subnet, 'cidr'));
      if (network === undefined) continue;
      const free = (await this.#listHere(`subnets/${textAt(subnet, 'id')}/?op=unreserved_ip_ranges`)).flatMap(
        (range) => {
          const [low, high] = [parseIpv4(textAt(range, 'start')), parseIpv4(textAt(range, 'end'))];
          return low === undefined || high === undefined ? [] : [{ low, high }];
        },
      );
      networks.push({ network, free });
    }
    this.#formerNetworks = networks;
  }

  #tally(kind: string): Tally {
    const tally = this.#tallies.get(kind) ?? { added: 0, there: 0, refused: 0 };
    this.#tallies.set(kind, tally);
    return tally;
  }

  #remark(kind: string, name: string, text: string): void {
    this.#remarkCount += 1;
    if (this.#remarks.length < REMARKS_MAX)
      this.#remarks.push({ kind, name, text: cleanText(text, REMARK_CHARACTERS_MAX) });
  }

  #refuse(kind: string, name: string, text: string): void {
    this.#remark(kind, name, text);
    this.#tally(kind).refused += 1;
  }

  /** The most specific domain that holds a name. */
  #findDomain(name: string): string | undefined {
    if (name.length > NAME_CHARACTERS_MAX) return undefined;
    const labels = name.split('.');
    return labels.map((_, index) => labels.slice(index).join('.')).find((ancestor) => this.#domains.has(ancestor));
  }

  /** Why an object is left out (rule 7); undefined if nothing that it reaches was here before. */
  async #findFormer(reach: Reach | undefined): Promise<string | undefined> {
    const { domains = [], names = [], networks = [], addresses = [], macs = [] } = reach ?? {};
    for (const domain of domains.map(domainName)) {
      const holdingDomain = this.#findDomain(domain);
      if (holdingDomain !== undefined && this.#domains.get(holdingDomain) === true)
        return `${holdingDomain} was here before, and it would answer there`;
      const forwardedDomain = this.#ownHosts.forwarded.find((zone) => isWithin(zone, domain));
      if (forwardedDomain !== undefined) return `${forwardedDomain} is forwarded, and it would answer there`;
      if (isWithin(domain, 'arpa')) return 'it would answer for the addresses of networks';
    }
    for (const name of names.map(domainName)) {
      const holdingDomain = this.#findDomain(name);
      if (holdingDomain === undefined) return 'this import added no domain for it';
      if (this.#domains.get(holdingDomain) === true)
        return `${holdingDomain} was here before, and it would answer there`;
      if (this.#formerNames.has(name)) return `${name} was here before`;
    }
    for (const text of networks) {
      const network = parseNetwork(text);
      if (network === undefined) return `${text} is no network`;
      if (this.#formerNetworks.some((former) => networksOverlap(former.network, network)))
        return `${text} was here before, and it would answer or route there`;
    }
    for (const text of addresses) {
      const address = parseIpv4(text);
      if (address === undefined) return `${text} is no IPv4 address`;
      const former = this.#formerNetworks.find(({ network }) => networkContains(network, address));
      if (former !== undefined) return `${formatNetwork(former.network)} was here before, and it would answer there`;
    }
    for (const mac of macs.map(macText))
      if (!this.#addedMacs.has(mac) && (this.#ownHosts.macs.has(mac) || (await this.#isRegistered([mac]))))
        return `the host ${mac} was here before`;
    return undefined;
  }

  async #isRegistered(macs: readonly string[]): Promise<boolean> {
    const path = `${API}machines/?op=is_registered&${encodeForm({ mac_address: macs })}`;
    return parseAnswerJson(await this.#askOwnRegion({ method: 'GET', path })) === true;
  }

  /**
   * Reads a list of this region, without discovered subnets; empty if it is the list of a user who
   * is not here yet.
   */
  async #listHere(path: string): Promise<readonly unknown[]> {
    const answer = await this.#askOwnRegion({ method: 'GET', path: `${API}${path}` });
    return asList(parseAnswerJson(answer)).filter((object) => !isDiscovered(object));
  }

  /** @param owner the user of the key: a MAAS shows the SSH keys of no other */
  async #add(kind: Kind, owner: string): Promise<void> {
    const { plural, list, key, parameters, changeOperation, withheld = {}, sendsWithheldIfEmpty } = kind;
    const isOfOwner = list === SSH_KEYS;
    const sourceObjects = this.#source.checkCount(list, objectsIn(await this.#source.list(list), kind));
    const ownList = isOfOwner ? `${list}?${encodeForm({ username: owner })}` : (kind.hereList ?? list);
    const presentIdentities = new Set(
      objectsIn(await this.#listHere(ownList), kind).map((object) => objectIdentity(object, key)),
    );
    const withheldNames = sendsWithheldIfEmpty === true && this.#hadNoMachines ? [] : Object.keys(withheld);
    const requiredNames = Object.keys(parameters).filter((name) => key.includes(parameters[name] ?? ''));
    for (const original of sourceObjects) {
      if (!isFields(original) || kind.isImported?.(original) === false) continue;
      // A random password, because the source's password could be used to sign in here.
      const object = {
        ...original,
        password: Buffer.from(systemClock.randomBytes(PASSWORD_BYTES)).toString('base64url'),
        ...(isOfOwner ? { username: owner } : {}),
      };
      const identity = objectIdentity(object, key);
      const title = isOfOwner ? keyTitle(identity, owner) : formatObjectTitle(object, key);
      const unusableKeys = listUnusableKeys(object, key);
      if (unusableKeys.length > 0) {
        this.#refuse(plural, title, `refused: its ${unusableKeys.join(', ')} is no text`);
        continue;
      }
      const sentParameters = Object.fromEntries(
        Object.entries(parametersFrom(object, parameters)).filter(([name]) => !withheldNames.includes(name)),
      );
      if (!presentIdentities.has(identity)) {
        presentIdentities.add(identity);
        if (isOfOwner && !this.#added.has(`users ${owner}`)) {
          const command = commandFor(object, 'rackboot sshkeys add FILE --username {username}');
          this.#refuse(plural, title, `the account was here before; to add the key: \`${command}\``);
          continue;
        }
        const former = await this.#findFormer(kind.findReach?.(object));
        if (former !== undefined) {
          this.#refuse(plural, title, `left: ${former}`);
          continue;
        }
        const path = pathFor(object, kind.addOperation ?? list);
        const isAdded =
          this.#isDry || (await this.#send(plural, title, path, sentParameters, requiredNames)) !== undefined;
        this.#tally(plural)[isAdded ? 'added' : 'refused'] += 1;
        if (!isAdded) continue;
        this.#added.add(`${plural} ${identity}`);
        if (plural === 'domains') this.#domains.set(domainName(identity), false);
        const places = kind.listPlaces?.(object);
        if (kind.isNamed === true)
          this.#reportedObjects.push({ kind: plural, name: title, ...(places === undefined ? {} : { places }) });
        for (const name of withheldNames)
          if (!['', 'false'].includes(textAt(object, name)))
            this.#remark(plural, title, `without ${name}; to give it: \`${commandFor(object, withheld[name] ?? '')}\``);
      } else if (
        changeOperation !== undefined &&
        !this.#isDry &&
        this.#added.has(`fabrics ${textAt(object, 'fabric')}`)
      ) {
        await this.#send(plural, title, pathFor(object, changeOperation), sentParameters, requiredNames, 'PUT');
        this.#tally(plural).added += 1;
      } else this.#tally(plural).there += 1;
    }
  }

  /**
   * Sends an object, repeatedly without the parameters that the region refuses (rule 2). @returns
   * the region's answer; undefined if the region refuses the object
   */
  async #send(
    kind: string,
    title: string,
    path: string,
    parameters: Parameters,
    requiredNames: readonly string[] = [],
    method: 'POST' | 'PUT' = 'POST',
  ): Promise<unknown> {
    let sent = parameters;
    for (;;) {
      const body = { type: FORM_TYPE, bytes: Buffer.from(encodeForm(sent)) };
      const answer = await this.#askOwnRegion({ method, path: `${API}${path}`, body });
      if (answer.status < 300) return parseAnswerJson(answer) ?? {};
      if (!JUDGING_STATUSES.has(answer.status))
        throw toUnavailableError('this region', answer) ?? new RackError('region-failed', answerText(answer));
      const problems = problemsShape.safeParse(parseAnswerJson(answer)).data ?? {};
      const refusedNames = Object.keys(problems).filter(
        (name) => Object.hasOwn(sent, name) && !requiredNames.includes(name),
      );
      if (refusedNames.length === 0) {
        this.#remark(kind, title, `refused: ${answerText(answer)}`);
        return undefined;
      }
      for (const name of refusedNames) this.#remark(kind, title, `without ${name}: ${problems[name]?.join(' ') ?? ''}`);
      // A power driver is of no use without its parameters, nor are they without the driver.
      const isPower = refusedNames.some((name) => name.startsWith(POWER_PREFIX));
      sent = Object.fromEntries(
        Object.entries(sent).filter(
          ([name]) => !refusedNames.includes(name) && !(isPower && name.startsWith(POWER_PREFIX)),
        ),
      );
    }
  }

  async #addMachines(): Promise<void> {
    const power = await this.#source.read('machines/?op=power_parameters');
    if (!isFields(power)) throw new RackError('source-failed', `${this.#source.url} does not list its machines`);
    const ids = this.#source.checkCount('machines/', Object.keys(power));
    for (let start = 0; start < ids.length; start += BATCH_MACHINES) {
      if (start > 0) printAside(`${start} of ${ids.length} machines\n`);
      const batch = ids.slice(start, start + BATCH_MACHINES);
      for (const machine of await this.#source.list('machines/', batch)) {
        const id = textAt(machine, 'system_id');
        if (!batch.includes(id)) continue;
        const driverParameters = valueAt(power, id);
        if (await this.#addNode('machines', machine, machineParameters(machine, driverParameters), driverParameters))
          for (const name of unknownPowerNames(driverParameters).slice(0, NAMES_SHOWN_MAX))
            this.#remark(
              'machines',
              formatObjectTitle(machine, ['hostname']),
              `without ${name}: no power driver here has it`,
            );
      }
      // Tag now: a repeated import skips machines that are already here, and would not tag them.
      await this.#tag();
    }
  }

  /** @param power the parameters of a machine's driver @returns true if it is new here */
  async #addNode(
    kind: 'machines' | 'devices',
    node: unknown,
    parameters: Parameters,
    power?: unknown,
  ): Promise<boolean> {
    const title = formatObjectTitle(node, ['hostname']);
    const tally = this.#tally(kind);
    if (await this.#isRegistered(listMacs(node))) {
      tally.there += 1;
      return false;
    }
    const hostname = textAt(node, 'hostname');
    if (hostname === '') {
      this.#refuse(kind, title, 'refused: its hostname is no text');
      return false;
    }
    const sourceDomain = domainName(textAt(node, 'domain.name'));
    const isHere = this.#domains.has(sourceDomain) && !this.#ownHosts.forwarded.includes(sourceDomain);
    const domain = isHere ? sourceDomain : this.#defaultDomain;
    const fqdn = domainName(`${hostname.split('.', 1)[0]?.trim()}.${domain}`);
    if (this.#formerNames.has(fqdn)) {
      this.#refuse(kind, title, `left: ${fqdn} was here before`);
      return false;
    }
    if (domain !== sourceDomain) this.#remark(kind, title, `in ${domain}: ${sourceDomain || 'its domain'} is not here`);
    this.#currentNode = title;
    const createdNode = this.#isDry
      ? node
      : await this.#send(kind, title, `${kind}/`, { ...parameters, domain }, NODE_NEEDS);
    tally[createdNode === undefined ? 'refused' : 'added'] += 1;
    const hosts = textAt(createdNode, 'power_type') === '' ? [] : powerHosts(power);
    const addresses = createdNode === undefined ? [] : this.#chooseAddresses(kind, title, node);
    if (createdNode !== undefined) {
      const places = [cleanText(fqdn, NAME_CHARACTERS_MAX), ...addresses];
      this.#reportedObjects.push({ kind, name: title, places, ...(hosts.length === 0 ? {} : { power: hosts }) });
    }
    if (createdNode !== undefined) for (const mac of listMacs(node)) this.#addedMacs.add(macText(mac));
    if (createdNode !== undefined && !this.#isDry) await this.#complete(kind, title, node, createdNode, addresses);
    if (createdNode !== undefined && kind === 'machines') this.#remarkOnState(title, node);
    this.#currentNode = '';
    return createdNode !== undefined;
  }

  /** Remarks on a machine whose state here differs from its state at the source. */
  #remarkOnState(title: string, machine: unknown): void {
    const there = textAt(machine, 'status_name');
    const [here] = stateHere(machine);
    const comment = nodeComment(machine);
    const why = comment === '' ? '' : ` (${comment})`;
    if (here !== there) this.#remark('machines', title, `it is ${there} there${why}, and ${here} here`);
    else if (valueAt(machine, 'ephemeral_deploy') === true)
      this.#remark('machines', title, 'it runs from memory there, and starts from its disk here');
  }

  /**
   * Chooses the addresses at the source that a node gets here, too. A remark names every other
   * address.
   */
  #chooseAddresses(kind: 'machines' | 'devices', title: string, node: unknown): readonly string[] {
    const hasRunningSystem = kind === 'devices' || isDeployedHere(node);
    const ownMac = listMacs(node)
      .map(macText)
      .find((mac) => this.#ownHosts.macs.has(mac));
    const links = listAt(node, 'interface_set')
      .slice(0, INTERFACES_MAX)
      .flatMap((nic) => listAt(nic, 'links'));
    return links.flatMap((link) => {
      const [mode, address] = [textAt(link, 'mode'), textAt(link, 'ip_address')];
      // An address that is chosen at each deployment belongs to the running system.
      if (address === '' || !(mode === 'static' || (mode === 'auto' && hasRunningSystem))) return [];
      const why =
        ownMac === undefined ? this.#describeConflict(address) : `${ownMac} has a reservation that was here before`;
      if (why === undefined) return [address];
      this.#remark(kind, title, `left: the address ${address}, since ${why}`);
      return [];
    });
  }

  /**
   * Why an address may be in use (rule 8); undefined if it is free, or in no network that was here
   * before.
   */
  #describeConflict(text: string): string | undefined {
    const address = parseIpv4(text);
    if (address === undefined) return 'it is no IPv4 address';
    const former = this.#formerNetworks.find(({ network }) => networkContains(network, address));
    const isFree = former === undefined || former.free.some((range) => rangeContains(range, address));
    return isFree ? undefined : `it is not free in ${formatNetwork(former.network)}, which was here before`;
  }

  /** @param createdNode the new node, as this region shows it */
  async #complete(
    kind: 'machines' | 'devices',
    title: string,
    node: unknown,
    createdNode: unknown,
    addresses: readonly string[],
  ): Promise<void> {
    const systemId = textAt(createdNode, 'system_id');
    const names = new Set(listAt(node, 'tag_names'));
    for (const tag of this.#tags.filter((name) => names.has(name))) {
      const ids = this.#nodesByTag.get(tag) ?? [];
      ids.push(systemId);
      this.#nodesByTag.set(tag, ids);
    }
    await this.#connect(kind, title, node, createdNode, addresses);
    const callOperation = (operation: string, parameters: Parameters = {}) =>
      this.#send(kind, title, `${kind}/${systemId}/?op=${operation}`, parameters);
    const [, operation] = stateHere(node);
    if (kind === 'machines' && operation !== undefined)
      await callOperation(
        operation,
        operation === 'accept' ? { skip_commissioning: 'true' } : { comment: nodeComment(node) },
      );
    // Set the owner data last, because it is removed when a machine becomes Ready.
    const data = ownerData(node);
    if (Object.keys(data).length > 0) await callOperation('set_owner_data', data);
    if (kind === 'machines' && valueAt(node, 'locked') === true) await callOperation('lock');
  }

  /** Gives a node the interfaces and the addresses that it has at the source. */
  async #connect(
    kind: 'machines' | 'devices',
    title: string,
    node: unknown,
    createdNode: unknown,
    addresses: readonly string[],
  ): Promise<void> {
    const interfacesPath = `nodes/${textAt(createdNode, 'system_id')}/interfaces/`;
    const chosenAddresses = new Set(addresses);
    const gateway = textAt(node, 'default_gateways.ipv4.link_id');
    const physical = new Map(
      listAt(createdNode, 'interface_set').map((nic) => [textAt(nic, 'mac_address'), textAt(nic, 'id')]),
    );
    /** The ids of the interfaces that are here, by name. */
    const ids = new Map<string, string>();
    let pendingNics = listAt(node, 'interface_set').slice(0, INTERFACES_MAX);
    for (
      let readyNics = pendingNics;
      readyNics.length > 0;
      pendingNics = pendingNics.filter((nic) => !readyNics.includes(nic))
    ) {
      readyNics = pendingNics.filter((nic) => listAt(nic, 'parents').every((parent) => ids.has(String(parent))));
      for (const nic of readyNics) {
        const type = textAt(nic, 'type');
        const operation = Object.hasOwn(CREATE_OPERATIONS, type) ? CREATE_OPERATIONS[type] : undefined;
        const id =
          operation === undefined
            ? physical.get(textAt(nic, 'mac_address').toLowerCase())
            : await this.#createInterface(kind, title, `${interfacesPath}?op=${operation}`, nic, ids);
        if (id === undefined) continue;
        ids.set(textAt(nic, 'name'), id);
        for (const link of listAt(nic, 'links')) {
          const address = textAt(link, 'ip_address');
          if (!chosenAddresses.has(address)) continue;
          const linkParameters = { mode: 'static', subnet: textAt(link, 'subnet.cidr'), ip_address: address };
          const isGateway = gateway !== '' && gateway === textAt(link, 'id');
          const gatewayParameters: Parameters = isGateway ? { default_gateway: 'true' } : {};
          await this.#send(
            kind,
            title,
            `${interfacesPath}${id}/?op=link_subnet`,
            { ...linkParameters, ...gatewayParameters },
            Object.keys(linkParameters),
          );
        }
      }
    }
    if (pendingNics.length > 0)
      this.#remark(
        kind,
        title,
        `without ${joinNames(
          pendingNics.map((nic) => formatObjectTitle(nic, ['name'])),
          NAMES_SHOWN_MAX,
        )}`,
      );
  }

  /**
   * Creates a bond, a bridge or a VLAN interface. @returns its id; undefined if the region refuses
   * it
   */
  async #createInterface(
    kind: string,
    title: string,
    path: string,
    nic: unknown,
    ids: ReadonlyMap<string, string>,
  ): Promise<string | undefined> {
    const parents = listAt(nic, 'parents').map((parent) => ids.get(String(parent)) ?? '');
    const vlan = this.#vlans.get(objectIdentity(valueAt(nic, 'vlan'), VLAN_KEY));
    const relations: Parameters = { parents, ...(vlan === undefined ? {} : { vlan }) };
    const createdInterface = await this.#send(kind, title, path, { ...interfaceParameters(nic), ...relations }, [
      'name',
      'parents',
      'vlan',
    ]);
    return createdInterface === undefined ? undefined : textAt(createdInterface, 'id');
  }

  /** Tags the nodes that were added since the last call. */
  async #tag(): Promise<void> {
    for (const [tag, ids] of this.#nodesByTag)
      for (let start = 0; start < ids.length; start += BATCH_MACHINES) {
        const add = ids.slice(start, start + BATCH_MACHINES);
        await this.#send('tags', tag, `tags/${encodeURIComponent(tag)}/?op=update_nodes`, { add }, ['add']);
      }
    this.#nodesByTag.clear();
  }

  async #reportAbsent({ plural, list, remedy, isReported = () => true }: Absent): Promise<void> {
    const names = (await this.#source.list(list))
      .filter(isReported)
      .map((object) => formatObjectTitle(object, ['name']) || formatObjectTitle(object, ['id']));
    if (names.length > 0) this.#remark(plural, joinNames(names, NAMES_SHOWN_MAX), `no counterpart: ${remedy}`);
  }

  /**
   * @param isComplete false if the import ended before everything was tried @returns the exit code
   */
  report(isJson: boolean, isComplete: boolean): number {
    const { url } = this.#source;
    const objects = Object.fromEntries(this.#tallies);
    const [remarks, added, remarkCount] = [this.#remarks, this.#reportedObjects, this.#remarkCount];
    if (isJson)
      printJson({ source: url, dryRun: this.#isDry, whole: isComplete, objects, added, remarks, remarkCount });
    else {
      const verb = this.#isDry ? 'to add' : 'added';
      for (const { kind, name, places = [], power = [] } of added) {
        const answering = places.length === 0 ? '' : `, with ${places.join(', ')}`;
        print(`${kind} ${name}: ${verb}${answering}${power.length === 0 ? '' : `, switched by ${power.join(', ')}`}`);
      }
      for (const { kind, name, text } of remarks) print(`${kind} ${name}: ${text}`);
      if (remarkCount > remarks.length) print(`and ${remarkCount - remarks.length} more`);
      const rows = [...this.#tallies].map(([kind, tally]) => [
        kind,
        ...[tally.added, tally.there, tally.refused].map(String),
      ]);
      printTable(
        [`OF ${url}`, this.#isDry ? 'TO ADD' : 'ADDED', 'ALREADY HERE', 'REFUSED'],
        rows,
        isComplete ? 'This MAAS has nothing to import.' : 'Nothing was tried.',
      );
      if (!isComplete && rows.length > 0) print('The import ended before everything was tried: repeat it.');
      if (this.#currentNode !== '')
        print(`It ended while ${this.#currentNode} was added: remove that first, if it is here.`);
      if ((this.#tallies.get('users')?.added ?? 0) > 0 && !this.#isDry)
        print('Imported users cannot sign in before they have a password: `rackboot password USERNAME`.');
    }
    return this.#remarkCount === 0 ? 0 : 1;
  }
}

/** A key for people, by its fingerprint and its comment. */
const keyTitle = (key: string, owner: string): string =>
  cleanText(`${computeFingerprint(key)} of ${owner} (${key.split(' ').slice(2).join(' ')})`, KEY_CHARACTERS_MAX);
