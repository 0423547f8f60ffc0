// The files that one machine would get for its installation and first start, at
// /MAAS/machines/SYSTEM-ID/preseed/, rendered as for the machine.
//
// 1. Only administrators see them, as over the API, with words in place of the machine's key and of
//    its rack's address.
// 2. User data is not shown: it may contain secrets, and the API shows it to nobody.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { renderPreseed } from '../../preseed/preseed.ts';
import { PURPOSES, type Purpose, STAND_IN } from '../../preseed/request.ts';
import type { Machine } from '../../records/machine.ts';
import { mistakeText } from '../../records/preseed-mistake.ts';
import { codeIn } from '../frame/values.ts';
import { type PageDefinition, queryValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { findAddressed, renderMachineSection, sectionPath } from './machine-frame.ts';

/** In place of the address at which the machine reaches its rack. */
const RACK = 'http://RACK-ADDRESS:5248';

const isPurpose = (name: string): name is Purpose => Object.hasOwn(PURPOSES, name);
/** Those of a known machine. */
const NAMES: readonly Purpose[] = Object.keys(PURPOSES)
  .filter(isPurpose)
  .filter((name) => !name.startsWith('enlist'));

function purposeIn(view: View, { osystem }: Machine): Purpose {
  const wanted = queryValue(view, 'purpose');
  if (isPurpose(wanted)) return wanted;
  return osystem === 'ubuntu' ? 'autoinstall' : 'install';
}

async function renderFile({ region }: View, machine: Machine, purpose: Purpose) {
  const { preseeds } = region;
  const surroundings = { origin: RACK, httpProxy: preseeds.install.httpProxy };
  const request = await preseeds.requestFor(machine, purpose, surroundings, STAND_IN);
  const isChosen = machine.osystem !== '';
  const result = renderPreseed(
    isChosen ? request : { ...request, osystem: 'debian', release: 'stable' },
    preseeds.templates,
  );
  if (!result.ok) {
    const { file, line, mistake } = result;
    return html`<div class="alert red"><b>${words.preseed.broken}</b>${file}:${line}: ${codeIn(mistakeText(mistake))}</div>`;
  }
  const from = html`<p class="hint">${words.preseed.from(result.chain.join(', '))}${isChosen ? nothing : ` ${words.preseed.noSystem}`}</p>`;
  return html`${from}<div class="sheet stacked"><pre class="output whole" tabindex="0" aria-label="${words.preseed.label(purpose)}">${result.text}</pre></div>`;
}

async function renderUserData({ region }: View, { systemId }: Machine) {
  const bytes = (await region.store.life.userData(systemId))?.length;
  return html`<h2>${words.preseed.userData}</h2><div class="sheet note">${bytes === undefined ? words.preseed.noUserData : words.preseed.hasUserData(formatSize(bytes))}</div>`;
}

async function renderSection(view: View): Promise<Html | undefined> {
  const machine = await findAddressed(view);
  if (machine === undefined) return undefined;
  const purpose = purposeIn(view, machine);
  const path = sectionPath(machine.systemId, 'preseed');
  const links = NAMES.map(
    (name) =>
      html`<a href="${path}?purpose=${name}"${name === purpose ? html` aria-current="true"` : nothing}>${name.replaceAll('_', ' ')}</a>`,
  );
  const file = view.viewer.isAdmin
    ? html`
        <nav class="tabs" aria-label="${words.preseed.purposes}">${links}</nav><p>${codeIn(words.preseed.meaning(purpose))}</p>
        ${await renderFile(view, machine, purpose)}`
    : html`<div class="sheet note">${words.preseed.onlyAdministrators}</div>`;
  return renderMachineSection(view, machine, {
    section: 'preseed',
    isLive: false,
    main: html`<div id="preseed">${file}${await renderUserData(view, machine)}</div>`,
  });
}

export const PRESEED_PAGE: PageDefinition = {
  path: '/MAAS/machines/:machine/preseed/',
  access: 'user',
  render: renderSection,
};
