//! Plots as SVG inside a page: lines over axes, and bars.
//!
//! Colours and text take those of the page (`.c0` … `.c7`, `currentColor`), so that they are read in the dark as well.

use std::fmt::Write as _;

use crate::format::Unit;

/// Width and height of a plot, and the margins around the lines.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 52.0;
/// Colours of the page.
const COLOURS: usize = 8;
/// Height of a bar with its gap, and where bars begin.
const BAR: f64 = 24.0;
const BARS_LEFT: f64 = 270.0;

/// Escapes a text for HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An axis: the positions of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    label: String,
    low: f64,
    high: f64,
    is_log: bool,
    marks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from 0 to `high` in round steps.
    pub fn linear(label: &str, high: f64, unit: Unit) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let power = 10f64.powf((high / 5.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let step = steps.into_iter().find(|step| high / step <= 6.0).unwrap_or(10.0 * power);
        let count = (high / step).ceil();
        let marks = (0..=20u32).map(|mark| f64::from(mark) * step).take_while(|mark| *mark <= count * step * 1.000_1);
        let marks = marks.map(|mark| (mark, unit.text(mark))).collect();
        Axis { label: label.to_owned(), low: 0.0, high: count * step, is_log: false, marks }
    }

    /// A logarithmic axis from `low` to `high`, with marks at powers of ten.
    pub fn log(label: &str, low: f64, high: f64, unit: Unit) -> Self {
        let low = 10f64.powf(low.max(1.0).log10().floor());
        let high = 10f64.powf(high.max(low * 10.0).log10().ceil());
        let marks = (0..=12).map(|power| low * 10f64.powi(power)).take_while(|mark| *mark <= high * 1.000_1);
        let marks = marks.map(|mark| (mark, unit.text(mark))).collect();
        Axis { label: label.to_owned(), low, high, is_log: true, marks }
    }

    /// An axis of shares below one, with marks at [`nines`].
    pub fn nines(label: &str, count: u32) -> Self {
        let names = ["0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
        let mut marks: Vec<(f64, String)> =
            (0..=count).zip(names).map(|(nine, name)| (f64::from(nine), name.to_owned())).collect();
        marks.insert(1, (nines(0.5), "50 %".to_owned()));
        Axis { label: label.to_owned(), low: 0.0, high: f64::from(count), is_log: false, marks }
    }

    /// An axis from `low` to `high` with these marks.
    pub fn marked(label: &str, (low, high): (f64, f64), marks: Vec<(f64, String)>) -> Self {
        Axis { label: label.to_owned(), low, high, is_log: false, marks }
    }

    /// The position of a value along the axis, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.is_log { value.max(self.low).log10() } else { value };
        let (low, high) = (scaled(self.low), scaled(self.high));
        ((scaled(value) - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }
}

/// The number of nines of a share: 0.99 has two.
pub fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name.
    pub name: String,
    /// The points, in order.
    pub points: Vec<(f64, f64)>,
    /// Drawn dashed: a reference line, or a line of doubtful figures.
    pub broken: bool,
}

/// Lines over two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The title.
    pub title: String,
    /// Across.
    pub across: Axis,
    /// Up.
    pub up: Axis,
    /// The lines.
    pub series: Vec<Series>,
}

impl Chart {
    /// As SVG.
    pub fn svg(&self) -> String {
        let mut svg = open(&self.title, HEIGHT);
        self.grid(&mut svg);
        for (number, series) in self.series.iter().enumerate() {
            self.line(&mut svg, number, series);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.across.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.up.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, name) in &self.up.marks {
            let y = self.y(*value);
            _ = writeln!(svg, r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#);
            let (x, y) = (LEFT - 8.0, y + 4.0);
            _ = writeln!(svg, r#"<text x="{x}" y="{y:.1}" text-anchor="end">{}</text>"#, escape(name));
        }
        for (value, name) in &self.across.marks {
            let x = self.x(*value);
            _ = writeln!(svg, r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#);
            let y = bottom + 18.0;
            _ = writeln!(svg, r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{}</text>"#, escape(name));
        }
        let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 10.0);
        _ = writeln!(svg, r#"<text x="{x}" y="{y}" text-anchor="middle">{}</text>"#, escape(&self.across.label));
        let y = TOP - 20.0;
        _ = writeln!(svg, r#"<text x="8" y="{y}">{}</text>"#, escape(&self.up.label));
    }

    fn line(&self, svg: &mut String, number: usize, series: &Series) {
        let colour = number % COLOURS;
        let broken = if series.broken { " broken" } else { "" };
        let points: Vec<String> =
            series.points.iter().map(|(x, y)| format!("{:.1},{:.1}", self.x(*x), self.y(*y))).collect();
        _ = writeln!(svg, r#"<polyline class="line c{colour}{broken}" points="{}"/>"#, points.join(" "));
        if let [point] = series.points.as_slice() {
            let (x, y) = (self.x(point.0), self.y(point.1));
            _ = writeln!(svg, r#"<circle class="fill c{colour}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#);
        }
        let (x, y) = (WIDTH - RIGHT + 14.0, (number as f64).mul_add(19.0, TOP + 8.0));
        let end = x + 20.0;
        _ = writeln!(svg, r#"<line class="line c{colour}{broken}" x1="{x}" y1="{y}" x2="{end}" y2="{y}"/>"#);
        let (x, y) = (end + 6.0, y + 4.0);
        _ = writeln!(svg, r#"<text x="{x}" y="{y}">{}</text>"#, escape(&series.name));
    }
}

/// A bar: its name, its length and its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The name.
    pub name: String,
    /// The length.
    pub value: f64,
    /// The label at its end.
    pub label: String,
    /// The colour, of eight.
    pub colour: usize,
}

/// Bars below each other, the longest as long as there is room.
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let mut svg = open(title, (bars.len() as f64).mul_add(BAR, TOP));
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    for (number, bar) in bars.iter().enumerate() {
        let y = (number as f64).mul_add(BAR, TOP - 8.0);
        let width = (bar.value / longest).clamp(0.0, 1.0) * (WIDTH - BARS_LEFT - RIGHT);
        let (colour, height, middle) = (bar.colour % COLOURS, BAR - 8.0, y + 12.5);
        let (before, after) = (BARS_LEFT - 8.0, BARS_LEFT + width + 8.0);
        _ = writeln!(svg, r#"<text x="{before}" y="{middle}" text-anchor="end">{}</text>"#, escape(&bar.name));
        _ = writeln!(
            svg,
            r#"<rect class="fill c{colour}" x="{BARS_LEFT}" y="{y}" width="{width:.1}" height="{height}" rx="2"/>"#
        );
        _ = writeln!(svg, r#"<text x="{after:.1}" y="{middle}">{}</text>"#, escape(&bar.label));
    }
    svg.push_str("</svg>\n");
    svg
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks_that_cover_what_is_shown() {
        let names = |axis: &Axis| axis.marks.iter().map(|mark| mark.1.clone()).collect::<Vec<_>>();
        let axis = Axis::linear("", 23_000.0, Unit::Count);
        assert_eq!(names(&axis), ["0", "5000", "10 k", "15 k", "20 k", "25 k"]);
        assert_eq!((axis.place(0.0), axis.place(12_500.0), axis.place(99_999.0)), (0.0, 0.5, 1.0));
        let axis = Axis::log("", 30.0, 4_000.0, Unit::Micros);
        assert_eq!(names(&axis), ["10 µs", "100 µs", "1 ms", "10 ms"]);
        assert!((axis.place(1_000.0) - 2.0 / 3.0).abs() < 1e-9 && axis.place(0.0) == 0.0);
        assert!((nines(0.999) - 3.0).abs() < 1e-9);
        assert_eq!(names(&Axis::nines("", 2)), ["0", "50 %", "90 %", "99 %"]);
        assert_eq!(names(&Axis::linear("", 0.0, Unit::Count)).len(), 6);
    }

    #[test]
    fn a_chart_draws_every_line_and_one_point_as_a_dot() {
        let series =
            |name: &str, points: &[(f64, f64)]| Series { name: name.into(), points: points.into(), broken: false };
        let (across, up) = (Axis::linear("x", 2.0, Unit::Count), Axis::linear("y", 2.0, Unit::Count));
        let series = vec![series("a<b", &[(0.0, 0.0), (2.0, 2.0)]), series("dot", &[(1.0, 1.0)])];
        let svg = Chart { title: "t".into(), across, up, series }.svg();
        assert!(svg.contains(r#"points="80.0,288.0 590.0,34.0""#), "{svg}");
        assert!(svg.contains("a&lt;b") && svg.contains("<circle"));
        let svg = bars("t", &[Bar { name: "n".into(), value: 0.0, label: "0".into(), colour: 9 }]);
        assert!(svg.contains(r#"class="fill c1""#) && svg.contains(r#"width="0.0""#), "{svg}");
    }
}
