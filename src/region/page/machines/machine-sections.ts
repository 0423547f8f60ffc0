// The sections of a machine's page that only show what it reported: its hardware, and the results
// of its scripts, live.
//
// 1. The output of scripts is shown only to people with an account.

import { type Html, html } from '../../../ground/html.ts';
import type { Machine } from '../../records/machine.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { renderHardware } from './machine-facts.ts';
import { findAddressed, renderMachineSection, type SectionName } from './machine-frame.ts';
import { renderResults } from './results-part.ts';

const showing = (
  section: SectionName,
  render: (view: View, machine: Machine) => Html | Promise<Html>,
): PageDefinition => ({
  path: `/MAAS/machines/:machine/${section}/`,
  access: 'user',
  render: async (view) => {
    const machine = await findAddressed(view);
    if (machine === undefined) return undefined;
    const main = html`<div id="${section}">${await render(view, machine)}</div>`;
    return renderMachineSection(view, machine, { section, main });
  },
});

export const SHOWING_SECTIONS: readonly PageDefinition[] = [
  showing('hardware', (view, machine) => renderHardware(machine, view.nowMs)),
  showing('scripts', renderScripts),
];

async function renderScripts(view: View, machine: Machine) {
  const results = await renderResults(view, machine);
  return results.toString() === ''
    ? html`<div class="sheet empty"><b>${words.results.none}</b><span class="soft">${words.results.noneHint}</span></div>`
    : results;
}
