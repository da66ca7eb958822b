// Run the npm package @vladmandic/face-api itself on raw pictures, and write what its nets answer.
//
//   node tools/face_api_goldens.mjs PACKAGE FOLDER [AGE]
//
// PACKAGE: the unpacked package (`npm pack @vladmandic/face-api@1.7.15`). It carries TensorFlow.js in pure
// JavaScript; nothing native is needed, since pictures are tensors.
// FOLDER: with NAME.rgb (height * width * 3 bytes) and pictures.json: [{"name", "height", "width", "size"}], where
// `size` is the detector's input. AGE: another folder with the weights of the net for age and sex. Writes answers.json beside them. `tools/face_api_goldens.py` does the rest.

import fs from 'node:fs';
import path from 'node:path';
import url from 'node:url';

const [root, folder, ageFolder] = process.argv.slice(2);

// The bundle takes Node for a browser's module loader and fails; without `process` it asks for no platform.
const { process: node } = globalThis;
globalThis.process = undefined;
const faceapi = await import(url.pathToFileURL(path.resolve(root, 'dist/face-api.esm.js')));
globalThis.process = node;

class Nothing {}
faceapi.env.setEnv({ Canvas: Nothing, Image: Nothing, ImageData: Nothing, Video: Nothing, CanvasRenderingContext2D: Nothing });
const { tf, nets } = faceapi;
tf.env().setPlatform('plain', {
  now: () => performance.now(),
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder().decode(bytes),
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
});
await tf.setBackend('cpu');
await tf.ready();

function load(net, name, place = path.join(root, 'model')) {
  const stem = path.join(place, `${name}_model`);
  const [group] = JSON.parse(fs.readFileSync(`${stem}-weights_manifest.json`));
  const bytes = new Uint8Array(fs.readFileSync(`${stem}.bin`));
  net.loadFromWeightMap(tf.io.decodeWeights(bytes.buffer, group.weights));
}
load(nets.tinyFaceDetector, 'tiny_face_detector');
load(nets.faceLandmark68Net, 'face_landmark_68');
load(nets.faceLandmark68TinyNet, 'face_landmark_68_tiny');
load(nets.ageGenderNet, 'age_gender', ageFolder);
load(nets.faceExpressionNet, 'face_expression');

const points = (landmarks) => landmarks.positions.map((point) => [point.x, point.y]);
const answers = [];
for (const { name, height, width, size } of JSON.parse(fs.readFileSync(path.join(folder, 'pictures.json')))) {
  const bytes = fs.readFileSync(path.join(folder, `${name}.rgb`));
  const picture = tf.tensor3d(Float32Array.from(bytes), [height, width, 3]);
  const options = new faceapi.TinyFaceDetectorOptions({ inputSize: size, scoreThreshold: 0.3 });
  const faces = [];
  for (const detection of await nets.tinyFaceDetector.locateFaces(picture, options)) {
    const { box, score } = detection;
    const [crop] = await faceapi.extractFaceTensors(picture, [detection]);
    const one = { box: [box.left, box.top, box.right, box.bottom], score };
    if (crop) {
      one.corner = [Math.floor(Math.max(box.x, 0)), Math.floor(Math.max(box.y, 0)), crop.shape[1], crop.shape[0]];
      one.points = points(await nets.faceLandmark68Net.detectLandmarks(crop));
      one.tinyPoints = points(await nets.faceLandmark68TinyNet.detectLandmarks(crop));
      const { age, gender } = await nets.ageGenderNet.forward(crop);
      one.age = age.arraySync();
      one.gender = gender.arraySync();
      one.expressions = (await nets.faceExpressionNet.forward(crop)).arraySync();
    }
    faces.push(one);
  }
  const logits = await nets.tinyFaceDetector.forward(picture, size);
  answers.push({ name, size, faces, grid: logits.shape, logits: name.startsWith('small') ? logits.arraySync() : [] });
  console.log(name, size, faces.length);
}
fs.writeFileSync(path.join(folder, 'answers.json'), JSON.stringify(answers));
