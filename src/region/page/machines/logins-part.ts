// How to log in to a machine: to its deployed system, in rescue mode, or by a debug login, which
// this page also opens and closes.
//
// 1. Only people with an account see it. Keys and fingerprints are public; there are no passwords.

import { formatIpv4, type Ipv4, isLoopback } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSpan } from '../../../ground/quantity.ts';
import { describeLogins, type LoginDescription, mayDebug } from '../../life/logins.ts';
import type { Machine } from '../../records/machine.ts';
import { choiceField, hiddenField, renderForm, textField } from '../frame/forms.ts';
import { renderFullPage } from '../frame/parts.ts';
import { copyable, dotted, renderTime } from '../frame/values.ts';
import { buildOutcome, fieldValue, findMachineInPath, operate, type PageDefinition, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { machinePath } from './machine-actions.ts';

const DEBUG = 'POST machines/{system_id} debug_login';

/** Shown for a simulated machine of the lab, whose address accepts no logins. */
const simulated = () => html`<span class="soft">${words.logins.simulated}</span>`;

/**
 * True for a simulated machine of the lab: it holds, or last had, a loopback address. A machine
 * that is off holds none.
 */
const isSimulated = (machine: Machine, held: Ipv4 | undefined) =>
  [held, ...machine.interfaces.map(({ address }) => address)].some(
    (address) => address !== undefined && isLoopback(address),
  );

/**
 * How to log in to the deployed system, or why it is not possible; empty in rescue mode, which
 * `renderLogins` describes.
 * @param address the machine's current address
 */
export function systemLogin(machine: Machine, address: Ipv4 | undefined): Html {
  const { status, owner, osystem } = machine;
  if (status === 'rescue-mode' || status === 'entering-rescue-mode') return nothing;
  if (isSimulated(machine, address)) return simulated();
  if (status !== 'deployed') return html`<span class="soft">${words.logins.onlyWhen}</span>`;
  if (address === undefined) return nothing;
  const isKnown = osystem === 'ubuntu' || osystem === 'debian';
  return html`
    ${copyable(`ssh ${isKnown ? `${osystem}@` : ''}${formatIpv4(address)}`)}
    <div class="small">${words.logins.keys(isKnown, owner)}</div>`;
}

/** The time left, rounded up to whole minutes; below one minute, in seconds. */
const timeLeft = (seconds: number) => formatSpan((seconds < 60 ? seconds : Math.ceil(seconds / 60) * 60) * 1000);

function loginText(login: LoginDescription, nowMs: number) {
  const { kind, ssh, isSimulated, hostKey, username, keys, secondsLeft } = login;
  const title = words.logins.kinds[kind];
  if (isSimulated) return html`<dt>${title}</dt><dd>${simulated()}</dd>`;
  const isReady = hostKey !== undefined && ssh !== undefined;
  const line = isReady
    ? html`${copyable(ssh)}<div class="small">${words.logins.hostKey(html`<span class="mono break">${hostKey}</span>`)}</div>`
    : html`<span class="soft">${words.logins.notYet}</span>`;
  const left =
    secondsLeft === undefined
      ? nothing
      : renderTime(nowMs + secondsLeft * 1000, words.logins.left(timeLeft(secondsLeft)));
  return html`<dt>${title}</dt><dd>${line}<div class="small">${dotted([words.logins.with(keys, username), left])}</div></dd>`;
}

export async function renderLogins(view: View, machine: Machine): Promise<Html> {
  const logins = await describeLogins(view.region, machine);
  if (logins.length === 0) return nothing;
  const isOpen = logins.some(({ kind }) => kind === 'debug');
  const close =
    isOpen && mayDebug(machine, view.viewer)
      ? html`<div class="card-foot">${renderForm(view, {
          to: `${machinePath(machine.systemId)}debug-login/`,
          body: hiddenField('do', 'close'),
          submit: words.logins.close,
          tone: 'plain',
          isInline: true,
        })}</div>`
      : nothing;
  return html`<section class="sheet"><div class="card-head"><h2>${words.logins.heading}</h2></div><dl class="pairs">${logins.map((login) => loginText(login, view.nowMs))}</dl>${close}</section>`;
}

export const debugButton = (view: View, machine: Machine): Html =>
  mayDebug(machine, view.viewer)
    ? html`<a class="button plain" href="${machinePath(machine.systemId)}debug-login/">${words.logins.debugButton}</a>`
    : nothing;

async function renderLoginsPage(view: View) {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const { durations } = words.logins;
  const body = [
    choiceField(view, {
      name: 'seconds',
      label: words.logins.duration,
      value: '3600',
      choices: [
        ['900', durations.quarter],
        ['3600', durations.hour],
        ['14400', durations.fourHours],
        ['86400', durations.day],
      ],
    }),
    textField(view, { name: 'comment', ...words.forms.reason, charactersMax: 255 }),
  ];
  const title = words.logins.title(machine.hostname);
  return renderFullPage(view, {
    title,
    place: 'machines',
    main: html`
      <div class="bar"><h1>${title}</h1></div><div class="sheet narrow"><ul class="effects">
      ${words.logins.effects.map((text) => html`<li>${text}</li>`)}</ul>
      ${renderForm(view, { body, submit: words.logins.open, back: machinePath(machine.systemId) })}</div>`,
  });
}

async function actOnLogin(view: View) {
  const machine = await findMachineInPath(view);
  if (machine === undefined) return undefined;
  const closes = fieldValue(view, 'do') === 'close';
  const values = closes
    ? { off: 'true' }
    : { seconds: fieldValue(view, 'seconds'), comment: fieldValue(view, 'comment') || undefined };
  const answer = await operate(view, DEBUG, { system_id: machine.systemId }, values);
  const text = closes ? words.logins.closed : words.logins.opened;
  return buildOutcome(answer, machinePath(machine.systemId), text);
}

export const DEBUG_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/debug-login/',
  access: 'user',
  render: renderLoginsPage,
  act: actOnLogin,
  operations: [DEBUG],
};
