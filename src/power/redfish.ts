// The driver for machines whose BMC speaks Redfish.
//
// Sources: DSP0266 1.20 (protocol), DSP2046 (ComputerSystem: `PowerState`, `Boot`, `Actions`,
// ActionInfo), MAAS's driver of this name (parameters).
//
// 1. What a service lists as allowed decides what it is asked. Without a list, the first choice is
//    sent.
// 2. A reset is sent once, and only if the system is not in the wanted state already. If its answer
//    is lost, the state decides.
// 3. The certificate that a BMC shows at its first login is kept with the machine. A later other one
//    is refused before anything is sent.

import { z } from 'zod';
import type { Clock } from '../ground/clock.ts';
import { type Fields, findNestedValue, isFields } from '../ground/fields.ts';
import { type ConnectOptions, defineDriver, type PowerPort } from './driver.ts';
import { cleanWords, outcome, type PowerOutcome, type PowerState } from './outcome.ts';
import { secret } from './parameters.ts';
import { linkIn, RedfishFault, RedfishService, type Resource, refuseWith } from './redfish-service.ts';
import type { CertificateTrust } from './web-request.ts';

/** Systems of one service that are looked through. */
const SYSTEMS_MAX = 256;
/** How long the state is read after a reset whose answer was lost, and how often, in milliseconds. */
const LOST_MS_MAX = 10_000;
const LOST_EVERY_MS = 1000;

/** `bmc-7`, `10.0.0.5:8443`, `[fd00::5]`, or a URL: `https` unless it says otherwise. */
function parseAddress(text: string): URL | undefined {
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(url)) return undefined;
  const { origin, username, password, pathname, search, hash } = new URL(url);
  const isOrigin = username + password + search + hash === '' && /^\/(redfish(\/v1)?\/?)?$/.test(pathname);
  return isOrigin ? new URL(origin) : undefined;
}

const schema = z.strictObject({
  power_address: z
    .string()
    .max(256)
    .transform((text, context) => {
      const origin = parseAddress(text);
      if (origin !== undefined) return origin;
      context.addIssue({ code: 'custom' });
      return z.NEVER;
    }),
  power_user: z
    .string()
    .regex(/^[\x20-\x7e]{1,128}$/)
    .optional(),
  power_pass: secret(
    z
      .string()
      .regex(/^[\x20-\x7e]{1,256}$/)
      .optional(),
  ),
  node_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/)
    .optional(),
  power_certificate: z
    .string()
    .regex(/^(known|any|(sha256:)?([0-9a-f]{2}:?){32})$/i)
    .optional(),
});
type Settings = z.infer<typeof schema>;
export type RedfishParameter = keyof Settings;

function trustOf({ power_certificate: text = 'any' }: Settings): CertificateTrust {
  const word = text.toLowerCase();
  return word === 'known' || word === 'any'
    ? { kind: word }
    : { kind: 'pinned', fingerprint: word.replace('sha256:', '').replaceAll(':', '') };
}

/** The reset types to ask for, the best first (DSP2046, ResetType). */
const RESETS = {
  on: ['On', 'ForceOn', 'PushPowerButton'],
  hard: ['ForceOff'],
  soft: ['GracefulShutdown', 'PushPowerButton'],
} as const;
type ResetPurpose = keyof typeof RESETS;

/** Where to boot from next, the best first (DSP2046, BootSource). */
const BOOT_TARGETS = ['Pxe', 'UefiHttp', 'RemoteDrive'] as const;

/** A system that starts has not arrived, and one that shuts down has not either. */
const STATES: Readonly<Record<string, PowerState>> = {
  On: 'on',
  Paused: 'on',
  PoweringOff: 'on',
  Off: 'off',
  PoweringOn: 'off',
};

/** The driver `redfish`. */
export const redfish = defineDriver({
  name: 'redfish',
  switches: 'on-and-off',
  parameters: schema,
  connect: (call) => new RedfishPort(call),
});

class RedfishPort implements PowerPort {
  readonly controller: string;
  readonly #call: ConnectOptions<typeof schema>;
  readonly #service: RedfishService;
  readonly #clock: Clock;
  #path: string | undefined;

  constructor(call: ConnectOptions<typeof schema>) {
    const { settings, secrets, deps } = call;
    const { power_address: origin, power_user: user, power_pass: password } = settings;
    this.controller = `redfish ${origin.host}`;
    this.#call = call;
    this.#clock = deps.clock;
    this.#service = new RedfishService({ origin, user, password, trust: trustOf(settings) }, deps.clock, secrets);
  }

  on = (signal: AbortSignal): Promise<PowerOutcome> => this.#perform(() => this.#reset('on', 'on', signal));

  off = (manner: 'soft' | 'hard', signal: AbortSignal): Promise<PowerOutcome> =>
    this.#perform(() => this.#reset(manner, 'off', signal));

  query = (signal: AbortSignal): Promise<PowerOutcome> =>
    this.#perform(async () => readState(await this.#system(signal)));

  netboot = (signal: AbortSignal): Promise<PowerOutcome> => this.#perform(() => this.#bootFromNetwork(signal));

  close = (signal: AbortSignal): Promise<void> => this.#service.close(signal);

  async #perform(work: () => Promise<PowerOutcome>): Promise<PowerOutcome> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RedfishFault) return error.outcome;
      throw error;
    }
  }

  async #system(signal: AbortSignal): Promise<Resource> {
    const path = this.#path ?? (await this.#findSystem(signal));
    this.#path = path;
    const system = await this.#service.get(path, signal);
    await this.#keepCertificate();
    return system;
  }

  async #findSystem(signal: AbortSignal): Promise<string> {
    const root = await this.#service.open(signal);
    const listPath = linkIn(root.fields, 'Systems');
    if (listPath === undefined) throw refuseWith('no-redfish');
    const { fields } = await this.#service.get(listPath, signal);
    const members = (Array.isArray(fields.Members) ? fields.Members : []).slice(0, SYSTEMS_MAX);
    const paths = members.flatMap((member) => linkIn(member) ?? []);
    const { node_id: wanted } = this.#call.settings;
    const ids = cleanWords(paths.map((path) => lastPart(path)).join(', '));
    if (wanted !== undefined) {
      const path = paths.find((path) => path === wanted || lastPart(path) === wanted);
      if (path === undefined) throw refuseWith('no-such-system', ids);
      return path;
    }
    const [path] = paths;
    if (paths.length > 1) throw refuseWith('several-systems', ids);
    if (path === undefined) throw refuseWith('no-redfish');
    return path;
  }

  /** Keeps what was seen at the first login that worked. */
  async #keepCertificate(): Promise<void> {
    const { settings, machine, deps } = this.#call;
    const { fingerprint } = this.#service;
    if (settings.power_certificate !== undefined || fingerprint === undefined || machine === '') return;
    await deps.keepCertificate?.(machine, fingerprint);
  }

  async #reset(purpose: ResetPurpose, wanted: 'on' | 'off', signal: AbortSignal): Promise<PowerOutcome> {
    const system = await this.#system(signal);
    const before = readState(system);
    if (before.state === wanted) return before;
    const action = findNestedValue(system.fields, ['Actions', '#ComputerSystem.Reset']);
    const target = isFields(action) ? action.target : undefined;
    const path = typeof target === 'string' ? linkIn({ '@odata.id': target }) : undefined;
    const type = chooseAllowed(RESETS[purpose], await this.#allowedResets(action, signal));
    if (path === undefined || type === undefined) throw refuseWith('no-reset-type');
    try {
      await this.#service.send({ method: 'POST', path, body: { ResetType: type } }, signal);
      return outcome('done', { code: 'acknowledged', params: { said: type } });
    } catch (error) {
      if (!(error instanceof RedfishFault) || error.outcome.kind !== 'unknown') throw error;
      return await this.#readLostReset(wanted, error.outcome, signal);
    }
  }

  /** What became of a reset whose answer was lost. */
  async #readLostReset(wanted: 'on' | 'off', lost: PowerOutcome, signal: AbortSignal): Promise<PowerOutcome> {
    const deadline = this.#clock.now() + LOST_MS_MAX;
    while (this.#clock.now() < deadline && !signal.aborted) {
      const reading = await this.query(signal);
      if (reading.state === wanted) return reading;
      await new Promise<void>((resolve) => this.#clock.schedule(LOST_EVERY_MS, resolve));
    }
    return lost;
  }

  /** The allowed reset types, in the action or its ActionInfo; undefined: the service does not say. */
  async #allowedResets(action: unknown, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const listed = listedTexts(findNestedValue(action, ['ResetType@Redfish.AllowableValues']));
    const info = isFields(action) ? action['@Redfish.ActionInfo'] : undefined;
    const path = typeof info === 'string' ? linkIn({ '@odata.id': info }) : undefined;
    if (listed !== undefined || path === undefined) return listed;
    const { fields } = await this.#service.get(path, signal);
    const parameters = Array.isArray(fields.Parameters) ? fields.Parameters : [];
    const reset = parameters.find((parameter) => isFields(parameter) && parameter.Name === 'ResetType');
    return listedTexts(isFields(reset) ? reset.AllowableValues : undefined);
  }

  async #bootFromNetwork(signal: AbortSignal): Promise<PowerOutcome> {
    const system = await this.#system(signal);
    const allowed = listedTexts(
      findNestedValue(system.fields, ['Boot', 'BootSourceOverrideTarget@Redfish.AllowableValues']),
    );
    const target = chooseAllowed(BOOT_TARGETS, allowed);
    if (target === undefined) throw refuseWith('no-boot-target');
    const body = { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: target } };
    const settingsPath = linkIn(system.fields, '@Redfish.Settings', 'SettingsObject');
    try {
      await this.#patch(system, body, signal);
    } catch (error) {
      // Quirk: boards whose system is read-only take the override at its settings resource (DSP0266
      // §9.10); seen in gofish issue 171.
      const isReadOnly = error instanceof RedfishFault && error.status !== undefined && READ_ONLY.has(error.status);
      if (!isReadOnly || settingsPath === undefined) throw error;
      await this.#patch(await this.#service.get(settingsPath, signal), body, signal);
    }
    return outcome('done', { code: 'acknowledged', params: { said: `${target}, once` } });
  }

  /** A change of a resource that has not changed meanwhile, as far as its service tells. */
  async #patch({ path, etag }: Resource, body: Fields, signal: AbortSignal): Promise<void> {
    const send = (condition: string | undefined) =>
      this.#service.send({ method: 'PATCH', path, body, etag: condition }, signal);
    try {
      await send(etag);
    } catch (error) {
      // Quirk: some services demand If-Match without giving an ETag, others change it with every
      // reading (community.general issues 3268 and 6434; Redfishtool issue 106).
      const isMismatch = error instanceof RedfishFault && error.status !== undefined && CONDITIONS.has(error.status);
      if (!isMismatch) throw error;
      await send('*');
    }
  }
}

const READ_ONLY: ReadonlySet<number> = new Set([400, 404, 405, 501]);
/** Precondition Failed and Precondition Required (RFC 9110 §15.5.13, RFC 6585 §3). */
const CONDITIONS: ReadonlySet<number> = new Set([412, 428]);

const lastPart = (path: string): string => path.replace(/\/$/, '').split('/').at(-1) ?? '';

const listedTexts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : undefined;

/** The best that is allowed; the first one if the service does not say. */
const chooseAllowed = <T extends string>(
  wanted: readonly T[],
  allowed: readonly string[] | undefined,
): T | undefined => (allowed === undefined ? wanted[0] : wanted.find((each) => allowed.includes(each)));

function readState({ fields }: Resource): PowerOutcome {
  const text = typeof fields.PowerState === 'string' ? cleanWords(fields.PowerState) : '';
  const state = STATES[text];
  return state === undefined
    ? outcome('done', { code: 'no-state', params: { said: text } })
    : outcome('done', { code: 'acknowledged', params: { said: text } }, state);
}
