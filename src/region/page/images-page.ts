// The images that can be deployed, and the commands that add more.

import { type Html, html } from './html.ts';
import { cell, pageOf } from './parts.ts';
import { formatDisk } from './values.ts';
import type { PageDefinition, View } from './view.ts';

/** Images on the page. */
const SHOWN_MAX = 300;

function render(view: View): Html {
  const images = view.region.images?.() ?? [];
  const rows = images.slice(0, SHOWN_MAX).map(
    ({ os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes }) =>
      html`
        <tr><td class="first"><div><div class="name">${os}/${release}</div><div class="small">${title}</div></div></td>
        ${cell('Architecture', subarchitecture === 'generic' ? architecture : `${architecture}/${subarchitecture}`)}
        ${cell('Version', html`${serial}<div class="small">${label}</div>`)}
        ${cell('Download', formatDisk(bytes))}
        ${cell('On disk', diskBytes === undefined ? '' : formatDisk(diskBytes))}
        </tr>`,
  );
  const head = ['System', 'Architecture', 'Version', 'Download', 'On disk'].map((text) => html`<th>${text}</th>`);
  const list =
    rows.length === 0
      ? html`<div class="sheet empty"><b>No images yet</b><span class="soft">On the rack, <code>rackboot images make-debian</code> builds one,
        and <code>rackboot images add FILE --os debian --release trixie</code> adds one of yours.</span></div>`
      : html`<div class="sheet"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  return pageOf(view, {
    title: 'Images',
    place: 'images',
    main: html`<div class="bar"><h1>Images</h1></div>${list}`,
    footer: html`To add or remove images, on the rack: <code>rackboot images add</code>, <code>rackboot images remove</code>.`,
  });
}

export const IMAGES_PAGE: PageDefinition = { path: '/MAAS/images/', access: 'look', render };
