// The page at /MAAS/design/, of a checkout only: the parts of which all pages are made, each once, with its measures.
//
// Source: WCAG 2.2, 1.4.3 (contrast of text) and its definition of relative luminance.
//
// 1. An installed package does not have it: it is compiled, and this page exists only beside its source.
// 2. Its words are for those who build the pages, so they are not translated.

import { type Html, html } from '../../html.ts';
import { STATUSES } from '../records/lifecycle.ts';
import { PAGE_STYLE } from './assets.ts';
import { areaField, checkField, choiceField, radioField, textField } from './forms.ts';
import { cell, pageOf } from './parts.ts';
import { statusPill } from './values.ts';
import type { PageDefinition, View } from './view.ts';

const GROUNDS = ['ground', 'sheet'];
/** Each colour of text, and the backgrounds on which it stands. */
export const TEXTS_ON_GROUNDS: readonly (readonly [text: string, grounds: readonly string[]])[] = [
  ['ink', [...GROUNDS, 'field']],
  ['soft', GROUNDS],
  ['accent', [...GROUNDS, 'amber-ground', 'red-ground']],
  ['red', [...GROUNDS, 'red-ground']],
  ...['blue', 'green', 'amber', 'grey', 'violet'].map((name) => [name, [`${name}-ground`]] as const),
  ['on-accent', ['accent']],
  ['on-danger', ['danger']],
];

/** The colours of the light and of the dark scheme, by name. */
export function colourSchemes(): readonly ReadonlyMap<string, string>[] {
  const [day = '', night = ''] = PAGE_STYLE.text().split('@media (prefers-color-scheme: dark)');
  return [day, night.slice(0, night.indexOf('\n* '))].map(
    (scheme) =>
      new Map(
        [...scheme.matchAll(/--([\w-]{1,40}): (#[0-9a-f]{6})/g)].map(([, name = '', colour = '']) => [name, colour]),
      ),
  );
}

function luminance(colour: string) {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** 1 to 21. @param one such as `#0b66c3` */
export function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const section = (title: string, content: Html | readonly Html[]) =>
  html`<h2>${title}</h2><div class="sheet note">${content}</div>`;

const SIZES = ['title', 'count', 'heading', 'body', 'text', 'small', 'label'] as const;
const GAPS = [1, 2, 3, 4, 5] as const;

function contrasts() {
  const [day, night] = colourSchemes();
  const measured = (text: string, ground: string) =>
    [day, night].map((colours) => {
      const [one = '', other = ''] = [colours?.get(text), colours?.get(ground)];
      return cell('Contrast', `${contrast(one, other).toFixed(1)} (${one} on ${other})`);
    });
  const rows = TEXTS_ON_GROUNDS.flatMap(([text, grounds]) =>
    grounds.map(
      (ground) =>
        html`<tr><td class="first"><div class="name">${text} on ${ground}</div></td>${measured(text, ground)}</tr>`,
    ),
  );
  return html`<h2>Colours</h2><div class="sheet"><table><thead><tr><th>Text and background</th><th>Light</th><th>Dark</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function renderDesign(view: View): Html {
  const tones = ['green', 'blue', 'amber', 'red', 'grey', 'violet'] as const;
  const choices = [
    ['one', 'One'],
    ['two', 'Two'],
  ] as const;
  const faulty = {
    ...view,
    faults: new Map([['faulty', 'The value is not an address: write four numbers, such as 10.20.0.1.']]),
  };
  return pageOf(view, {
    title: 'Design',
    place: '',
    main: html`
      <div class="bar"><h1>Design</h1></div>
      ${section(
        'Sizes of text',
        SIZES.map((size) => html`<div class="size-${size}">--${size}: machines boot from the network</div>`),
      )}
      ${section(
        'Spacing',
        GAPS.map(
          (gap) =>
            html`<div class="row"><span class="mono">--gap-${gap}</span><span class="gap-${gap} blue">.</span></div>`,
        ),
      )}
      ${contrasts()}
      ${section('States of machines', html`<div class="row">${STATUSES.map(({ status }) => statusPill(status))}</div>`)}
      ${section('Pills and tags', html`<div class="row">${tones.map((tone) => html`<span class="pill ${tone}">${tone}</span>`)}<span class="tag">a tag</span><code>rackboot status</code></div>`)}
      ${section('Buttons', html`<div class="buttons">${['primary', 'plain', 'danger', 'warn'].map((tone) => html`<button class="button ${tone}" type="button">${tone}</button>`)}<button class="button plain small-button" type="button">small</button></div>`)}
      ${section('Bars', html`<p><progress value="40" max="100" aria-label="40 of 100"></progress></p><p><progress value="95" max="100" class="full" aria-label="nearly full"></progress></p><p><progress aria-label="at work"></progress></p>`)}
      <h2>Form</h2><div class="sheet narrow"><form class="form">
      ${textField(view, { name: 'text', label: 'A text', hint: 'What it is for, in a sentence.', value: 'a value' })}
      ${textField(faulty, { name: 'faulty', label: 'A text with a fault', required: true, value: '10.20.0' })}
      ${areaField(view, { name: 'area', label: 'A longer text' })}
      ${choiceField(view, { name: 'choice', label: 'A choice', choices })}
      ${radioField(view, {
        name: 'radio',
        label: 'A choice with meanings',
        value: 'keep',
        choices: [
          ['keep', 'Keep the data', 'The next user can read it.'],
          ['erase', 'Erase it', 'It cannot be recovered.'],
        ],
      })}
      ${checkField(view, { name: 'check', label: 'A thing to tick', value: 'true' })}</form></div>
      <h2>Table</h2><div class="sheet"><table><thead><tr><th>Name</th><th>Address</th><th>State</th></tr></thead><tbody>
      <tr><td class="first"><div class="name"><a href="#main">storage-1</a></div></td>${cell('Address', '10.20.0.101')}${cell('State', statusPill('deployed'))}</tr>
      <tr><td class="first"><div class="name"><a href="#main">storage-2</a></div></td>${cell('Address', '10.20.0.102')}${cell('State', statusPill('broken'))}</tr></tbody></table></div>
      <h2>Empty state</h2><div class="sheet empty"><b>No machines yet</b><span class="soft">Boot one from the network: it appears here, usually within a minute.</span></div>
      <h2>Alerts</h2>${tones.slice(0, 4).map((tone) => html`<div class="alert ${tone}"><b>${tone}</b> What happened, what it means, and what to do.</div>`)}`,
  });
}

export const DESIGN_PAGES: readonly PageDefinition[] = import.meta.filename.endsWith('.ts')
  ? [{ path: '/MAAS/design/', access: 'user', render: renderDesign }]
  : [];
