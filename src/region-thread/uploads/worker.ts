// The thread that makes an image of a whole upload: hashes and converts. It ends with that.

import { parentPort, workerData } from 'node:worker_threads';
import { type FinishOrder, finishUpload } from '../../images/uploads/finish-upload.ts';

const order: FinishOrder = workerData;
parentPort?.postMessage(await finishUpload(order));
