// The nouns of this version's own table of operations. Loading the table takes half a second, so
// only commands that need it load it.

import { apiDescription } from '../../region/http/description.ts';
import { listNouns, mergeNouns, type Noun } from '../clients/description.ts';
import { descriptionShape } from '../clients/description-shape.ts';

type Version = '1.0' | '2.0';

const ofVersion = (version: Version): readonly Noun[] => listNouns(descriptionShape.parse(apiDescription(version, '')));

/** The nouns of both versions. @param first the version whose operations come first */
export const ownNouns = (first: Version = '2.0'): readonly Noun[] =>
  mergeNouns(ofVersion(first), ofVersion(first === '2.0' ? '1.0' : '2.0'));
