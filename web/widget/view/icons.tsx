/** @jsxImportSource preact */

const paths = {
  close: ['m6 9 6 6 6-6'],
  send: ['M12 19V5', 'm6 11 6-6 6 6'],
  attach: ['M20 11.5 12.4 19a5 5 0 0 1-7-7l8-8a3.3 3.3 0 0 1 4.7 4.7l-8 8a1.7 1.7 0 0 1-2.4-2.4l7.3-7.3'],
  person: ['M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z', 'M5 20a7 7 0 0 1 14 0'],
  spark: ['M12 3.5 13.8 10.2 20.5 12l-6.7 1.8L12 20.5l-1.8-6.7L3.5 12l6.7-1.8z'],
  stop: ['M7 7h10v10H7z'],
  remove: ['m7 7 10 10', 'm17 7-10 10'],
  file: ['M14 3H6v18h12V7z', 'M14 3v4h4'],
  star: ['m12 3.5 2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z'],
  down: ['M12 5v14', 'm6 13 6 6 6-6'],
};

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {paths[name].map((d) => (
        <path key={d} d={d} />
      ))}
    </svg>
  );
}
