// The routes of the pages: identifies the viewer, checks access, and accepts forms only from
// signed-in people and from our own pages.
//
// Sources: RFC 9110 §15.4.4 (303 after a form); RFC 6265; RFC 7617 for programs.
//
// 1. GET changes nothing. A form needs a session, its `csrf`, and our own origin.
// 2. A request without credentials counts towards the anonymous rate limit.
// 3. Signing in through a remote rack is refused: the rack could claim any address, and could read
//    the password.
// 4. Nobody sees anything without signing in. Being asked from loopback proves nothing: forwarders
//    on this host ask from there.
// 5. A link of `rackboot page` shows a form, which uses it up: a program that only follows it, to
//    show a preview, does not, and no site can sign a browser in by linking to it.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cleanText } from '../../ground/clean-text.ts';
import type { Html } from '../../ground/html.ts';
import type { WholeFile } from '../../images/make/upload-part.ts';
import { equalSecrets, KEY_NAME_MAX } from '../accounts/accounts.ts';
import { parseAuthorization } from '../accounts/authorization-header.ts';
import { type Answer, HAS_NUL, json, type Refusal, refuse, refuseFor } from '../api/call/answer.ts';
import { noteAdministrator, type Peer } from '../api/call/caller.ts';
import { type Fields, findUnstorable, parseBody, parseTargetQuery } from '../api/call/form-body.ts';
import { isEncrypted } from '../api/call/proxies.ts';
import { pageUrl } from '../page-url.ts';
import { REFUSALS } from '../records/refusal.ts';
import type { User } from '../records/user.ts';
import type { Region } from '../region.ts';
import { mayBeStored, type Outage, StoreOutage } from '../reports/notes.ts';
import type { LongWork, PlaceHolder } from '../shares/long-work.ts';
import { assetPath, PAGE_POLICY, PAGE_SCRIPT, PAGE_STYLE } from './frame/assets.ts';
import { byRack, type PageGuard, uncheckedRefusal } from './frame/guard.ts';
import { findLanguage, LANGUAGE_WISH, wordsFor } from './frame/languages.ts';
import {
  cookieName,
  findLinkUser,
  findWish,
  formatSessionCookie,
  isOwnOrigin,
  keyFor,
  safeTarget,
  WRONG_PASSWORD,
  wishCookie,
} from './frame/login.ts';
import {
  AWAY_SECONDS,
  LANGUAGE_PATH,
  mayOpen,
  renderAway,
  renderGone,
  renderLink,
  renderRefused,
  renderSignIn,
  renderUnknown,
  STREAM_PATH,
} from './frame/parts.ts';
import { findMoved, listAbove } from './frame/paths.ts';
import { findCookie, type Session, type Sessions } from './frame/sessions.ts';
import { withoutUntouched } from './frame/touched.ts';
import {
  type DownloadDefinition,
  formatFieldFaults,
  formatRefusal,
  type PageDefinition,
  type View,
  type Viewer,
} from './frame/view.ts';
import { withWords, words } from './frame/words.ts';
import { HOME } from './home/pages.ts';
import { IMAGES } from './images/pages.ts';
import { MACHINES } from './machines/pages.ts';
import { NETWORKS } from './networks/pages.ts';
import { PEOPLE } from './people/pages.ts';
import { EVENTS_EXPORT } from './racks/events-page.ts';
import { FIRST_RUN_PATH, needsFirstRun } from './racks/first-steps.ts';
import { RACKS } from './racks/pages.ts';
import { SETTINGS } from './settings/pages.ts';

export const PAGES: readonly PageDefinition[] = [
  ...HOME,
  ...RACKS,
  ...MACHINES,
  ...NETWORKS,
  ...IMAGES,
  ...SETTINGS,
  ...PEOPLE,
];
const PAGE_NAMES = [...PAGES.map(({ path }) => path), '/MAAS/login/'];

const DOWNLOADS: readonly DownloadDefinition[] = [EVENTS_EXPORT];

/**
 * Files of DOWNLOADS that are made, or that their readers still read: each may take tens of
 * megabytes. At the bound the user with the most of them loses one to each newcomer of another
 * user.
 */
export const FILES_MAX = 4;

export interface PageListener {
  readonly region: Region;
  readonly guard: PageGuard;
  readonly sessions: Sessions;
  /** At most FILES_MAX. */
  readonly files: LongWork<PlaceHolder>;
  peerOf(request: FastifyRequest): Promise<Peer>;
  /** `http://10.20.0.1:5240`; empty: unknown. */
  originOf(request: FastifyRequest, peer: Peer): string;
  pathOf(request: FastifyRequest): Readonly<Record<string, string>>;
  excess(peer: Peer): Answer | undefined;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
  /** Makes an instance write the file of a form to the disk while it arrives. @param mayWrite asked before */
  readFiles(app: FastifyInstance, mayWrite: (request: FastifyRequest) => Promise<boolean>): void;
  /** Such a form; undefined: the request has a usual body. */
  arrivedForm(request: FastifyRequest): ArrivedFields | undefined;
}

interface ArrivedFields {
  readonly fields: Fields;
  readonly file: WholeFile | undefined;
  readonly refusal: Answer | undefined;
}

const NO_FIELDS: Fields = new Map();
const LOGIN = '/MAAS/login/';
const PAGE_PATHS: ReadonlySet<string> = new Set([LOGIN, ...PAGES.map(({ path }) => path)]);

export function addPageRoutes(app: FastifyInstance, listener: PageListener): void {
  app.get('/', (_request, reply) => reply.redirect('/MAAS/', 302));
  // Browsers request it with every page.
  app.get('/favicon.ico', (_request, reply) => reply.code(204).header('Cache-Control', 'max-age=86400').send());
  for (const asset of [PAGE_SCRIPT, PAGE_STYLE]) {
    app.get(assetPath(asset), (_request, reply) =>
      reply
        .type(asset.mediaType)
        .header('Cache-Control', 'public, max-age=31536000, immutable')
        .header('X-Content-Type-Options', 'nosniff')
        .send(asset.text()),
    );
  }
  /** Answers in the language of the browser. */
  const inWords = (handle: Handler) => (request: FastifyRequest, reply: FastifyReply) =>
    withWords(chooseWords(request), () => handle(listener, request, reply));
  app.get(LOGIN, inWords(showSignIn));
  app.post(LOGIN, inWords(signIn));
  app.post(`${LOGIN}link/`, (request, reply) => makeLink(listener, request, reply));
  app.post('/MAAS/accounts/authenticate/', (request, reply) => authenticate(listener, request, reply));
  app.post('/MAAS/logout/', inWords(signOut));
  app.post(LANGUAGE_PATH, inWords(chooseLanguage));
  app.get(STREAM_PATH, inWords(following));
  for (const file of DOWNLOADS) app.get(file.path, inWords(downloading(file)));
  for (const page of PAGES) {
    const add = (to: FastifyInstance): void => {
      to.get(page.path, inWords(showing(page)));
      if (page.act !== undefined) to.post(page.path, inWords(taking(page)));
    };
    if (page.takesFile !== true) {
      add(app);
      continue;
    }
    void app.register((inner, _options, done) => {
      listener.readFiles(inner, (request) => maySendFile(listener, request));
      add(inner);
      done();
    });
  }
}

/** True for an administrator's form of our own page. Its secret is checked when it has arrived. */
async function maySendFile(listener: PageListener, request: FastifyRequest) {
  const session = isFromOwnPage(request) ? await findSession(listener, request) : undefined;
  return session?.user.isAdmin === true;
}

type Handler = (listener: PageListener, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

const chooseWords = (request: FastifyRequest) =>
  wordsFor({ cookie: getHeader(request, 'cookie'), accepted: getHeader(request, 'accept-language') });

async function showSignIn(listener: PageListener, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  mustReachStore(listener.region);
  if ((await listener.peerOf(request)).isByRack) return listener.send(reply, byRack(listener.region));
  await mustReadStore(listener.region);
  const query = parseTargetQuery(request.raw.url);
  const to = safeTarget(query.get('to')?.at(-1) ?? '');
  const token = query.get('link')?.at(-1) ?? '';
  if (token === '') return sendPage(begin(reply), renderSignIn(listener.region.config(), to));
  const user = await listener.sessions.findLink(token);
  if (user === undefined) return refuseSignIn(listener, reply, 'spent-link', to);
  return sendPage(begin(reply), renderLink(user.username, token, to));
}

/** True for a browser's request for a page, not for a path of the API, the racks or the metadata. */
export const looksForPage = (request: FastifyRequest): boolean => request.method === 'GET' && showsPages(request);

/**
 * The page for an address of MAAS, for browsers and programs that take any answer; `undefined` for
 * other requests.
 */
export const movedTo = (request: FastifyRequest): string | undefined =>
  ['GET', 'HEAD'].includes(request.method) && /\btext\/html\b|\*\/\*/.test(getHeader(request, 'accept') ?? '*/*')
    ? findMoved(request.raw.url ?? '', PAGE_NAMES)
    : undefined;

/**
 * The answer to an unknown path: with the navigation for a signed-in viewer, and the same for
 * everybody else.
 */
export async function answerUnknownPage(
  listener: PageListener,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await findSession(listener, request);
  const answer = begin(reply).code(REFUSALS['not-found'].status).header('X-Rackboot-Refusal', 'not-found');
  return withWords(chooseWords(request), () =>
    sendPage(
      answer,
      renderUnknown(
        session === undefined
          ? undefined
          : { ...NO_NEWS, region: listener.region, viewer: viewerAs(session.user, session.csrf) },
      ),
    ),
  );
}

/** A page that tells nothing of an action. */
const NO_NEWS = { pages: PAGES, notice: '', refusal: undefined, faults: undefined };

const showsPages = (request: FastifyRequest) =>
  !isLive(request) &&
  /\btext\/html\b/.test(getHeader(request, 'accept') ?? '') &&
  !/^\/+MAAS\/+(?:api|uplink|metadata)\b/.test(request.raw.url ?? '');

/**
 * The same for the answer during an outage: programs that accept anything get the pages themselves,
 * so they get the page of the outage, too.
 */
export const showsOutage = (request: FastifyRequest): boolean =>
  showsPages(request) ||
  (request.method === 'GET' &&
    !isLive(request) &&
    PAGE_PATHS.has(request.routeOptions.url ?? '') &&
    (getHeader(request, 'accept') ?? '*/*').includes('*/*'));

export const sendAwayPage = (request: FastifyRequest, reply: FastifyReply, outage: Outage): FastifyReply =>
  sendPage(
    begin(reply)
      .code(REFUSALS['store-unavailable'].status)
      .headers(mayBeStored(outage) ? {} : { 'Retry-After': String(AWAY_SECONDS) })
      .header('X-Rackboot-Refusal', 'store-unavailable'),
    withWords(chooseWords(request), () => renderAway(outage, request.method !== 'GET')),
  );

/**
 * Refuses every page during an outage: a page that needs no store would suggest that the next one
 * works. @throws StoreOutage
 */
function mustReachStore({ store }: Region) {
  const problem = store.availability?.problem;
  if (problem !== undefined) throw new StoreOutage(problem);
}

/**
 * Refuses the way to sign in during an outage, too: a database that answers may still refuse this
 * process. Reads what signing in reads, so that these pages say so, and not only the next. @throws
 * StoreOutage
 */
async function mustReadStore({ store }: Region) {
  await store.accounts.findUser('');
}

const sendPage = (reply: FastifyReply, page: Html) => reply.send(page.toString());

function sendGone(reply: FastifyReply, view: View) {
  const path = reply.request.url.replace(/\?.*/s, '');
  return sendPage(reply.code(REFUSALS['not-found'].status), renderGone(view, listAbove(path, PAGE_NAMES)));
}

function begin(reply: FastifyReply) {
  return reply
    .type('text/html; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .header('Content-Security-Policy', PAGE_POLICY)
    .header('X-Content-Type-Options', 'nosniff')
    .header('X-Frame-Options', 'DENY')
    .header('Referrer-Policy', 'same-origin');
}

const getHeader = (request: FastifyRequest, name: string) => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

/** True for a page's own refresh request (`src/web/page.ts`). */
const isLive = (request: FastifyRequest) =>
  getHeader(request, 'x-rackboot-live') !== undefined || request.routeOptions.url === STREAM_PATH;

const chooseCookieName = (request: FastifyRequest) => cookieName(request.headers.host);

const viewerAs = ({ username, email, isAdmin }: User, csrf: string): Viewer => ({ username, email, isAdmin, csrf });

/** @param isUse false for a page's own refresh request */
async function findSession({ sessions }: PageListener, request: FastifyRequest, isUse = true) {
  const token = findCookie(getHeader(request, 'cookie'), chooseCookieName(request));
  return token === undefined ? undefined : sessions.find(token, isUse);
}

async function identifyViewer(
  { region, guard, excess }: PageListener,
  request: FastifyRequest,
  peer: Peer,
  session: Session | undefined,
): Promise<Viewer | Answer | undefined> {
  if (session !== undefined) {
    noteAdministrator(request.raw, session.user);
    return viewerAs(session.user, session.csrf);
  }
  const credentials = parseAuthorization(getHeader(request, 'authorization') ?? '');
  if (credentials?.kind === 'password') {
    const user = await guard.check(peer, credentials.username, credentials.password);
    if (typeof user === 'object') {
      noteAdministrator(request.raw, user);
      return viewerAs(user, '');
    }
    if (user !== 'wrong') return uncheckedRefusal(user, region);
  }
  return excess(peer);
}

/** Opens a page or a file for a viewer who may. */
const opening =
  (
    page: Pick<PageDefinition, 'access'>,
    send: (reply: FastifyReply, view: View, listener: PageListener) => Promise<FastifyReply>,
  ): Handler =>
  async (listener, request, reply) => {
    mustReachStore(listener.region);
    const peer = await listener.peerOf(request);
    const session = await findSession(listener, request, !isLive(request));
    const viewer = await identifyViewer(listener, request, peer, session);
    if (viewer !== undefined && 'kind' in viewer) return listener.send(reply, viewer);
    begin(reply);
    if (viewer === undefined) return requireSignIn(listener, peer, request, reply);
    const notice = isLive(request) ? '' : (session?.notice ?? '');
    if (session !== undefined && notice !== '') await listener.sessions.setNotice(session, '');
    const view = { ...buildView(listener, viewer, peer, request, NO_FIELDS), notice };
    if (!mayOpen(viewer, page.access)) return sendRefusal(reply, view, refuseOpening());
    return await send(reply, view, listener);
  };

const showing = (page: PageDefinition): Handler =>
  opening(page, async (reply, view) => {
    const content = await page.render(view);
    return content === undefined ? sendGone(reply, view) : sendPage(reply, content);
  });

const downloading = (page: DownloadDefinition): Handler =>
  opening(page, async (reply, view, { files: { places } }) => {
    const admission = places.admit(`${view.viewer.username} ${view.peer.share}`, { end: () => reply.raw.destroy() });
    if (admission.kind === 'refused') return sendRefusal(reply, view, refuseSearch());
    admission.evicted?.end?.();
    const release = () => places.release(admission.place);
    reply.raw.once('close', release);
    if (view.hasLeft?.() === true) release();
    const file = await page.download(view);
    if (file === undefined) return sendRefusal(reply, view, refuseSearch());
    return reply
      .type(file.contentType)
      .header('Content-Disposition', `attachment; filename="${file.name}"`)
      .send(file.text);
  });

/** Tells a live page of each event that it is there. */
const following: Handler = opening({ access: 'user' }, (reply, { viewer, peer }, listener) => {
  const { request } = reply;
  return listener.send(reply, {
    kind: 'follow',
    following: {
      username: viewer.username,
      address: peer.share,
      filter: {},
      after: undefined,
      render: () => null,
      isAllowed: async () => (await findSession(listener, request, false)) !== undefined,
    },
  });
});

const refuseSearch = () => refuse('lists-limit', words.events.busy, { 'Retry-After': '5' });
const refuseOpening = () => refuse('not-allowed', words.frame.onlyAdministrators);

function buildView(
  { region, pathOf, originOf }: PageListener,
  viewer: Viewer,
  peer: Peer,
  request: FastifyRequest,
  fields: Fields,
): View {
  const nowMs = region.clock.wallTimeMs();
  return {
    region,
    viewer,
    pages: PAGES,
    peer,
    origin: originOf(request, peer),
    nowMs,
    path: pathOf(request),
    query: parseTargetQuery(request.raw.url),
    notice: '',
    form: fields,
    remembered: (name) => findWish(getHeader(request, 'cookie'), name),
    hasLeft: () => request.raw.socket.destroyed,
  };
}

/** Redirects a browser to the sign-in page, and answers 401 to a program. */
async function requireSignIn(
  listener: PageListener,
  peer: Peer,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (peer.isByRack) return listener.send(reply, byRack(listener.region));
  await mustReadStore(listener.region);
  const to = safeTarget(request.raw.url ?? '');
  const isBrowser = /\btext\/html\b/.test(getHeader(request, 'accept') ?? '');
  if (isBrowser || isLive(request)) {
    return reply.redirect(to === '/MAAS/' ? LOGIN : `${LOGIN}?to=${encodeURIComponent(to)}`, 303);
  }
  reply
    .code(REFUSALS['not-authenticated'].status)
    .header('WWW-Authenticate', 'Basic realm="Rackboot", charset="UTF-8"')
    .header('X-Rackboot-Refusal', 'not-authenticated');
  return sendPage(reply, renderSignIn(listener.region.config(), '/MAAS/'));
}

function sendRefusal(
  reply: FastifyReply,
  view: View,
  refusal: Refusal,
  page = renderRefused({ ...view, refusedAs: refusal.name }, formatRefusal(refusal)),
) {
  return sendPage(reply.code(REFUSALS[refusal.name].status).header('X-Rackboot-Refusal', refusal.name), page);
}

const isFromOwnPage = (request: FastifyRequest): boolean =>
  isOwnOrigin({
    origin: getHeader(request, 'origin'),
    site: getHeader(request, 'sec-fetch-site'),
    host: request.headers.host,
  });

function readSentForm(request: FastifyRequest, arrived?: ArrivedFields): Fields | Refusal {
  if (!isFromOwnPage(request)) return refuse('not-allowed', words.frame.foreignForm);
  if (arrived?.refusal?.kind === 'refusal') return arrived.refusal;
  if (arrived !== undefined)
    return findUnstorable(arrived.fields) === undefined ? arrived.fields : refuse('bad-request', HAS_NUL);
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const parsed = parseBody(request.headers['content-type'] ?? '', body);
  if (parsed.kind === 'fault') return refuseFor([parsed.refusal]);
  return findUnstorable(parsed.fields) !== undefined ? refuse('bad-request', HAS_NUL) : parsed.fields;
}

const isFormRefusal = (value: Fields | Refusal): value is Refusal => 'kind' in value;

const taking =
  (page: PageDefinition): Handler =>
  async (listener, request, reply) => {
    const peer = await listener.peerOf(request);
    const session = await findSession(listener, request);
    begin(reply);
    if (session === undefined) {
      const tooMuch = listener.excess(peer);
      return tooMuch === undefined ? reply.redirect(LOGIN, 303) : listener.send(reply, tooMuch);
    }
    noteAdministrator(request.raw, session.user);
    const arrived = listener.arrivedForm(request);
    const fields = readSentForm(request, arrived);
    const viewer = viewerAs(session.user, session.csrf);
    const sentFields = isFormRefusal(fields) ? NO_FIELDS : fields;
    const sent = { ...buildView(listener, viewer, peer, request, sentFields), file: arrived?.file };
    if (isFormRefusal(fields)) return sendRefusal(reply, sent, fields);
    const stale = refuseStale(fields, session);
    if (stale !== undefined) return sendRefusal(reply, sent, stale);
    if (!mayOpen(viewer, page.access)) return sendRefusal(reply, sent, refuseOpening());
    const touched = await withoutUntouched(page, sent);
    const { view } = touched;
    const outcome = touched.refusal ?? (await page.act?.(view));
    if (outcome === undefined) return sendGone(reply, view);
    if (outcome.kind === 'done') {
      await listener.sessions.setNotice(session, outcome.text);
      const { remember } = outcome;
      if (remember !== undefined) reply.header('Set-Cookie', wishCookie(remember.name, remember.value));
      return reply.redirect(outcome.to, 303);
    }
    if (outcome.kind === 'made') {
      const content = await page.render({ ...view, form: NO_FIELDS, secret: outcome.secret });
      return content === undefined ? sendGone(reply, view) : sendPage(reply, content);
    }
    const again = await page.render({
      ...view,
      refusal: formatRefusal(outcome),
      refusedAs: outcome.name,
      faults: formatFieldFaults(outcome),
    });
    return sendRefusal(reply, view, outcome, again);
  };

const refuseStale = (fields: Fields, { csrf }: Session) =>
  equalSecrets(fields.get('csrf')?.at(-1) ?? '', csrf) ? undefined : refuse('not-allowed', words.frame.oldForm);

function refuseSignIn(
  { region }: PageListener,
  reply: FastifyReply,
  why: 'wrong' | 'spent-link',
  to: string,
  username?: string,
) {
  begin(reply).code(REFUSALS['not-allowed'].status).header('X-Rackboot-Refusal', 'not-authenticated');
  return sendPage(reply, renderSignIn(region.config(), to, { why, username }));
}

/** The user of a link, which is used up. A remote rack could have read it. */
const takeLink = async ({ sessions }: PageListener, { isByRack }: Peer, token: string) =>
  isByRack ? 'by-rack' : ((await sessions.takeLink(token)) ?? 'spent-link');

async function makeLink(listener: PageListener, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (!(await listener.peerOf(request)).isOperator) return answerUnknownPage(listener, request, reply);
  const fields = readSentForm(request);
  if (isFormRefusal(fields)) return listener.send(reply, fields);
  const user = await findLinkUser(listener.region.store, fields.get('username')?.at(-1));
  if ('kind' in user) return listener.send(reply, user);
  const token = await listener.sessions.openLink(user);
  return listener.send(
    reply,
    json({ username: user.username, url: `${pageUrl(listener.region.config())}login/?link=${token}` }),
  );
}

async function signIn(listener: PageListener, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const fields = readSentForm(request);
  if (isFormRefusal(fields)) return listener.send(reply, fields);
  const value = (name: string) => fields.get(name)?.at(-1) ?? '';
  const to = safeTarget(value('to'));
  const peer = await listener.peerOf(request);
  const link = value('link');
  const user =
    link === ''
      ? await listener.guard.check(peer, value('username'), value('password'))
      : await takeLink(listener, peer, link);
  if (user === 'wrong' || user === 'spent-link') return refuseSignIn(listener, reply, user, to, value('username'));
  if (typeof user === 'string') return listener.send(reply, uncheckedRefusal(user, listener.region));
  begin(reply);
  // The old token must not lead to the new session.
  const old = await findSession(listener, request);
  if (old !== undefined) await listener.sessions.close(old);
  const token = await listener.sessions.open(user);
  await listener.guard.note(peer, user, 'signed-in');
  const cookie = formatSessionCookie(
    chooseCookieName(request),
    token,
    isEncrypted(request.raw, listener.region.config()),
  );
  const isFirst = to === '/MAAS/' && (await needsFirstRun({ region: listener.region, viewer: user }));
  return reply.header('Set-Cookie', cookie).redirect(isFirst ? FIRST_RUN_PATH : to, 303);
}

/** Gives a program an API key for a password. It signs nobody in. */
async function authenticate(
  listener: PageListener,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { region, guard } = listener;
  const fields = readSentForm(request);
  if (isFormRefusal(fields)) return listener.send(reply, fields);
  const value = (name: string) => fields.get(name)?.at(-1) ?? '';
  const user = await guard.check(await listener.peerOf(request), value('username'), value('password'));
  if (user === 'wrong') return listener.send(reply, WRONG_PASSWORD);
  if (typeof user === 'string') return listener.send(reply, uncheckedRefusal(user, region));
  noteAdministrator(request.raw, user);
  return listener.send(reply, await keyFor(region, user, cleanText(value('consumer'), KEY_NAME_MAX)));
}

/** Remembers the language of a browser, whether somebody is signed in or not. */
async function chooseLanguage(
  listener: PageListener,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const fields = readSentForm(request);
  if (isFormRefusal(fields)) return listener.send(reply, fields);
  const value = (name: string) => fields.get(name)?.at(-1) ?? '';
  const language = findLanguage(value('language'));
  begin(reply);
  if (language !== undefined) reply.header('Set-Cookie', wishCookie(LANGUAGE_WISH, language.tags[0]));
  return reply.redirect(safeTarget(value('to')), 303);
}

/**
 * Ends the session of a form with its `csrf`. A refused form keeps session and cookie: a foreign
 * site cannot take either.
 */
async function signOut(listener: PageListener, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const fields = readSentForm(request);
  const session = await findSession(listener, request);
  if (session === undefined && isFormRefusal(fields)) return listener.send(reply, fields);
  begin(reply);
  const refusal = session === undefined || isFormRefusal(fields) ? fields : refuseStale(fields, session);
  if (session !== undefined && refusal !== undefined && isFormRefusal(refusal)) {
    const viewer = viewerAs(session.user, session.csrf);
    return sendRefusal(reply, buildView(listener, viewer, await listener.peerOf(request), request, NO_FIELDS), refusal);
  }
  if (session !== undefined) {
    await listener.sessions.close(session);
    await listener.guard.note(await listener.peerOf(request), session.user, 'signed-out');
  }
  const cookie = formatSessionCookie(chooseCookieName(request), '', isEncrypted(request.raw, listener.region.config()));
  return reply.header('Set-Cookie', cookie).redirect('/MAAS/', 303);
}
