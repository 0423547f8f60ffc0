// A BMC that speaks Redfish over HTTPS, with the quirks of makes as options. Debian's redfishtool and sushy judge it too.
//
// Sources: DSP0266 1.20, DSP2046 (ServiceRoot, SessionService, ComputerSystem, ActionInfo).

import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export const USER = 'admin';
export const PASSWORD = 'calvin 42';
const ROOT = '/redfish/v1';

export interface RedfishOptions {
  readonly pair: { readonly cert: string; readonly key: string };
  /** The Ids of its systems; default: one. */
  readonly systems?: readonly string[];
  /** False: it has basic authentication alone. */
  readonly hasSessions?: boolean;
  /** Where it lists what a reset may be; default: in the action. */
  readonly lists?: 'action' | 'info' | 'nowhere';
  readonly resets?: readonly string[];
  readonly targets?: readonly string[] | undefined;
  /** A system is changed only with If-Match, as at Supermicro and Lenovo. */
  readonly needsCondition?: boolean;
  /** Its ETag is another at each reading. */
  readonly changesEtag?: boolean;
  /** The boot override is changed at the settings resource alone. */
  readonly hasSettings?: boolean;
}

export interface SimulatedSystem {
  isOn: boolean;
  /** The next boot device; undefined: the usual one. */
  bootsFrom: string | undefined;
  /** The resets that were carried out. */
  readonly resets: string[];
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly auth: 'none' | 'basic' | 'session';
}

export class RedfishBmc {
  readonly systems: ReadonlyMap<string, SimulatedSystem>;
  readonly asked: Asked[] = [];
  readonly sessions = new Map<string, string>();
  /** Answers with 503 that it still gives, as while it restarts. */
  busyAnswers = 0;
  /** Resets whose answer is lost. */
  lostAnswers = 0;
  /** It takes this long for every answer. */
  slowMs = 0;
  /** It accepts resets, and does nothing. */
  isLying = false;
  /** Passwords that it refused. */
  refusedLogins = 0;
  /** Instead of its own answer. */
  answerInstead: ((path: string) => { readonly status: number; readonly body: string } | undefined) | undefined;
  readonly #options: RedfishOptions;
  readonly #server: Server;
  #etag = 1;

  private constructor(options: RedfishOptions) {
    this.#options = options;
    const ids = options.systems ?? ['1'];
    this.systems = new Map(ids.map((id) => [id, { isOn: false, bootsFrom: undefined, resets: [] }]));
    this.#server = createServer(options.pair, (request, response) => void this.#serve(request, response));
  }

  static async start(options: RedfishOptions, port = 0): Promise<RedfishBmc> {
    const bmc = new RedfishBmc(options);
    bmc.#server.listen(port, '127.0.0.1');
    await once(bmc.#server, 'listening');
    return bmc;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get fingerprint(): string {
    return createHash('sha256').update(new X509Certificate(this.#options.pair.cert).raw).digest('hex');
  }

  system(id = '1'): SimulatedSystem {
    const system = this.systems.get(id);
    if (system === undefined) throw new Error(`no system ${id}`);
    return system;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const body = await text(request).catch(() => '');
    const path = url.replace(/\/$/, '') || '/';
    const { authorization, 'x-auth-token': token } = request.headers;
    const auth = token !== undefined ? 'session' : authorization !== undefined ? 'basic' : 'none';
    this.asked.push({ method, path, auth });
    if (this.slowMs > 0) await sleep(this.slowMs, undefined, { ref: false });
    const send: Send = (status, value, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', 'odata-version': '4.0', ...headers });
      response.end(value === undefined ? '' : JSON.stringify(value));
      return undefined;
    };
    const refuse: Refuse = (status, message) =>
      send(status, { error: { code: 'Base.1.8.GeneralError', '@Message.ExtendedInfo': [{ Message: message }] } });
    const instead = this.answerInstead?.(path);
    if (instead !== undefined) {
      response.writeHead(
        instead.status,
        instead.status < 400 && instead.status >= 300 ? { location: instead.body } : {},
      );
      response.end(instead.body);
      return;
    }
    if (this.busyAnswers > 0) {
      this.busyAnswers -= 1;
      send(503, undefined, { 'retry-after': '1' });
      return;
    }
    if (method === 'GET' && (path === ROOT || path === '/redfish')) return send(200, this.#root());
    if (method === 'POST' && path === `${ROOT}/SessionService/Sessions`) return this.#openSession(body, send, refuse);
    if (!this.#isKnown(authorization, typeof token === 'string' ? token : undefined))
      return refuse(401, 'The login is not valid.');
    if (method === 'DELETE' && this.sessions.delete(path)) return send(204);
    if (method === 'GET' && path === `${ROOT}/Systems`) return send(200, this.#list());
    if (method === 'GET' && path === `${ROOT}/SessionService`)
      return send(200, { ...id('SessionService'), Sessions: { '@odata.id': `${ROOT}/SessionService/Sessions` } });
    const [, system, rest = ''] = /^\/redfish\/v1\/Systems\/([^/]+)(\/.*)?$/.exec(path) ?? [];
    const simulated = system === undefined ? undefined : this.systems.get(system);
    if (system === undefined || simulated === undefined) return refuse(404, 'There is no such resource.');
    if (method === 'GET' && rest === '') {
      const etag = `W/"${this.#options.changesEtag === true ? this.#etag++ : this.#etag}"`;
      return send(200, this.#system(system, simulated), { etag });
    }
    if (method === 'GET' && rest === '/ResetActionInfo') return send(200, this.#info());
    if (method === 'GET' && rest === '/Settings' && this.#options.hasSettings === true)
      return send(200, { ...id(`Systems/${system}/Settings`), Boot: {} }, { etag: 'W/"s"' });
    if (method === 'POST' && rest === '/Actions/ComputerSystem.Reset')
      return this.#reset(simulated, body, request, send, refuse);
    if (method === 'PATCH') return this.#patch(simulated, rest, body, request, send, refuse);
    refuse(405, 'This method is not allowed.');
  }

  #isKnown(authorization: string | undefined, token: string | undefined): boolean {
    if (token !== undefined) return [...this.sessions.values()].includes(token);
    const [, encoded = ''] = /^Basic (.*)$/.exec(authorization ?? '') ?? [];
    const isRight = Buffer.from(encoded, 'base64').toString() === `${USER}:${PASSWORD}`;
    if (authorization !== undefined && !isRight) this.refusedLogins += 1;
    return isRight;
  }

  #openSession(body: string, send: Send, refuse: Refuse): undefined {
    if (this.#options.hasSessions === false) return refuse(405, 'This method is not allowed.');
    const { UserName: user, Password: password } = JSON.parse(body);
    if (user !== USER || password !== PASSWORD) {
      this.refusedLogins += 1;
      return refuse(401, `The user ${user} with the password ${password} is not valid.`);
    }
    const path = `${ROOT}/SessionService/Sessions/${this.sessions.size + 1}`;
    const token = randomUUID();
    this.sessions.set(path, token);
    const location = `https://127.0.0.1:${this.port}${path}`;
    return send(201, { '@odata.id': path, Id: '1', UserName: user }, { location, 'x-auth-token': token });
  }

  #reset(system: SimulatedSystem, body: string, request: IncomingMessage, send: Send, refuse: Refuse): undefined {
    const { ResetType: type } = JSON.parse(body);
    if (!this.#resets.includes(type)) return refuse(400, `The value ${type} is not in the list.`);
    if ((type === 'On' && system.isOn) || (type === 'ForceOff' && !system.isOn))
      return refuse(409, 'The system is in that state already.');
    system.resets.push(type);
    if (!this.isLying) {
      if (type === 'PushPowerButton') system.isOn = !system.isOn;
      else system.isOn = /On|Restart/.test(type);
    }
    if (this.lostAnswers > 0) {
      this.lostAnswers -= 1;
      request.socket.destroy();
      return undefined;
    }
    return send(204);
  }

  #patch(
    system: SimulatedSystem,
    rest: string,
    body: string,
    request: IncomingMessage,
    send: Send,
    refuse: Refuse,
  ): undefined {
    const { needsCondition = false, hasSettings = false, changesEtag = false } = this.#options;
    if (hasSettings !== (rest === '/Settings')) return refuse(405, 'This method is not allowed.');
    const condition = request.headers['if-match'];
    if (needsCondition && condition === undefined) return refuse(428, 'If-Match is needed.');
    if (changesEtag && condition !== '*') return refuse(412, 'The ETag does not match.');
    const { Boot: boot = {} } = JSON.parse(body);
    if (boot.BootSourceOverrideEnabled !== undefined && boot.BootSourceOverrideEnabled !== 'Once')
      return refuse(400, 'Only once.');
    system.bootsFrom = boot.BootSourceOverrideTarget;
    return send(204);
  }

  get #resets(): readonly string[] {
    return this.#options.resets ?? ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PushPowerButton'];
  }

  #root(): object {
    return {
      ...id('', 'ServiceRoot'),
      RedfishVersion: '1.8.0',
      UUID: '77777777-0000-4000-8000-000000000001',
      Systems: { '@odata.id': `${ROOT}/Systems` },
      SessionService: { '@odata.id': `${ROOT}/SessionService` },
      Links: { Sessions: { '@odata.id': `${ROOT}/SessionService/Sessions` } },
    };
  }

  #list(): object {
    const members = [...this.systems.keys()].map((key) => ({ '@odata.id': `${ROOT}/Systems/${key}` }));
    return { ...id('Systems'), Members: members, 'Members@odata.count': members.length };
  }

  #info(): object {
    return { ...id('ResetActionInfo'), Parameters: [{ Name: 'ResetType', AllowableValues: this.#resets }] };
  }

  #system(key: string, { isOn, bootsFrom }: SimulatedSystem): object {
    const { lists = 'action', targets = ['None', 'Pxe', 'Hdd'], hasSettings = false } = this.#options;
    const path = `${ROOT}/Systems/${key}`;
    const allowed =
      lists === 'action'
        ? { 'ResetType@Redfish.AllowableValues': this.#resets }
        : lists === 'info'
          ? { '@Redfish.ActionInfo': `${path}/ResetActionInfo` }
          : {};
    return {
      ...id(`Systems/${key}`, key),
      SystemType: 'Physical',
      UUID: `77777777-0000-4000-8000-0000000000${key.length.toString(16).padStart(2, '0')}`,
      PowerState: isOn ? 'On' : 'Off',
      Status: { State: 'Enabled', Health: 'OK' },
      Boot: {
        BootSourceOverrideEnabled: bootsFrom === undefined ? 'Disabled' : 'Once',
        BootSourceOverrideTarget: bootsFrom ?? 'None',
        'BootSourceOverrideTarget@Redfish.AllowableValues': targets,
      },
      Actions: {
        '#ComputerSystem.Reset': { target: `${path}/Actions/ComputerSystem.Reset`, ...allowed },
      },
      ...(hasSettings ? { '@Redfish.Settings': { SettingsObject: { '@odata.id': `${path}/Settings` } } } : {}),
    };
  }
}

type Send = (status: number, value?: object, headers?: Record<string, string>) => undefined;
type Refuse = (status: number, message: string) => undefined;

const id = (path: string, name = path): object => ({
  '@odata.id': `${ROOT}/${path}`.replace(/\/$/, ''),
  Id: name,
  Name: name,
});
