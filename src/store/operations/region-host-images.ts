// Operations on the images of each host of a region with several processes, in PostgreSQL (`region-steps.ts`), by the
// database's clock: those of the hosts differ.
//
// 1. A time in the future counts as now: the database's clock was set back.
// 2. A list reads and parses only the rows that have changed since the last one. The stamp of a row has the transaction
//    that wrote it (postgresql.org/docs/15/ddl-system-columns.html, xmin), whose number a server that takes over may give
//    again; so also the time of the report and a digest of the condemned images.

import { createHash } from 'node:crypto';
import { IMAGES_MAX } from '../../images/image-store.ts';
import { resourceName } from '../../region/images/region-source.ts';
import {
  type CondemnedImage,
  condemnedAmong,
  condemnedKey,
  type HostImage,
  PLACE_KEPT_MS,
  PLACES_MAX,
  type PlaceImages,
  PRESENT_MS,
} from '../../region/records/host-image-store.ts';
import { json, type Row, text } from '../rows.ts';
import { all, one, run, type Steps } from './region-steps.ts';

const readCondemned = json<readonly CondemnedImage[]>('condemned').read;

const readStamp = (row: Row) => ({
  place: text('place').read(row),
  stamp: text('stamp').read(row),
  isPresent: text('presence').read(row) === 'present',
});

const condemnedOf = (image: HostImage): CondemnedImage => ({
  resource: resourceName(image),
  serial: image.serial,
  sha256: image.sha256,
  ...(image.filesSha256 === undefined ? {} : { filesSha256: image.filesSha256 }),
});

const STAMP = "concat_ws(' ', xmin, seen_at, md5(condemned)) AS stamp";

interface ReadPlace extends Omit<PlaceImages, 'isPresent'> {
  readonly stamp: string;
  /** Of its reported images as text. */
  readonly digest: string;
  /** Condemned ones included. */
  readonly reported: readonly HostImage[];
}

export class HostImageTable {
  #known: readonly ReadPlace[] = [];

  *report(place: string, images: readonly HostImage[], removed: readonly CondemnedImage[]): Steps<void> {
    yield run(
      "DELETE FROM host_images WHERE seen_at < clock_timestamp() - ?1 * interval '1 millisecond'",
      PLACE_KEPT_MS,
    );
    yield run('UPDATE host_images SET seen_at = clock_timestamp() WHERE seen_at > clock_timestamp()');
    const gone = new Set(removed.map(condemnedKey));
    const condemned = (yield* this.condemned(place)).filter((image) => !gone.has(condemnedKey(image)));
    yield run(
      'INSERT INTO host_images (place, images, condemned, seen_at) VALUES (?1, ?2, ?3, clock_timestamp()) ' +
        'ON CONFLICT (place) DO UPDATE SET images = excluded.images, condemned = excluded.condemned, seen_at = excluded.seen_at',
      place,
      JSON.stringify(images),
      JSON.stringify(condemned),
    );
    const others = 'SELECT place FROM host_images WHERE place <> ?1 ORDER BY seen_at DESC, place';
    yield run(`DELETE FROM host_images WHERE place IN (${others} OFFSET ${PLACES_MAX - 1})`, place);
  }

  *condemned(place: string): Steps<readonly CondemnedImage[]> {
    const { row } = yield one('SELECT place, condemned FROM host_images WHERE place = ?', place);
    return row === undefined ? [] : readCondemned(row);
  }

  *condemn(resource: string, exceptAt: string): Steps<void> {
    const places = yield* this.list();
    for (const { place, images, condemned } of places) {
      const doomed = images.map(condemnedOf).filter((image) => image.resource === resource);
      if (place === exceptAt || doomed.length === 0) continue;
      yield run(
        'UPDATE host_images SET condemned = ? WHERE place = ?',
        JSON.stringify([...condemned, ...doomed].slice(-IMAGES_MAX)),
        place,
      );
    }
  }

  /** Ordered by name. */
  *list(): Steps<readonly PlaceImages[]> {
    const { rows } = yield all(
      `SELECT place, ${STAMP}, CASE WHEN seen_at > clock_timestamp() - ?1 * interval '1 millisecond' THEN 'present' ` +
        "ELSE 'silent' END AS presence FROM host_images ORDER BY place",
      PRESENT_MS,
    );
    const places = rows.map(readStamp);
    const before = new Map(this.#known.map((one) => [one.place, one]));
    const changed = places.flatMap(({ place, stamp }) => (before.get(place)?.stamp === stamp ? [] : place));
    const found = new Map(before);
    if (changed.length > 0) {
      const { rows: contents } = yield all(
        `SELECT place, ${STAMP}, images, condemned FROM host_images WHERE place IN texts(?)`,
        JSON.stringify(changed),
      );
      for (const place of changed) found.delete(place);
      for (const one of contents.map((row) => placeIn(row, before))) found.set(one.place, one);
    }
    this.#known = places.flatMap(({ place }) => found.get(place) ?? []).slice(0, PLACES_MAX);
    const listed = places.flatMap(({ place, isPresent }) => {
      const one = found.get(place);
      return one === undefined ? [] : [{ place, isPresent, images: one.images, condemned: one.condemned }];
    });
    return listed;
  }
}

/** Most reports only say that the place is there: images that have not changed are not parsed again. */
function placeIn(row: Row, before: ReadonlyMap<string, ReadPlace>): ReadPlace {
  const [place, condemned] = [text('place').read(row), readCondemned(row)];
  const digest = createHash('sha256').update(text('images').read(row)).digest('base64url');
  const known = before.get(place);
  const reported = known?.digest === digest ? known.reported : imagesIn.read(row);
  const isCondemned = condemnedAmong(condemned);
  const images = reported.filter((image) => !isCondemned(condemnedOf(image)));
  return { place, stamp: text('stamp').read(row), condemned, digest, reported, images };
}

const imagesIn = json<readonly HostImage[]>('images');
